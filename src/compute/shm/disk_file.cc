#include "compute/shm/disk_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/strings.h"
#include "compute/shm/page_map.h"

namespace triune::compute::shm {

namespace {

/// Its pages are counted in 32 bits.
constexpr uint64_t kMostBytes = uint64_t{8} << 40U;
/// Of a disk: Ray leaves as much.
constexpr uint64_t kPartLeftFree = 20;

Status CannotSpill(const std::string& directory, const std::string& why) {
  return FailedPrecondition(StrCat("can't spill objects to the directory ", directory, ": ", why));
}

int OpenWithoutName(const std::string& directory) {
  const int fd = open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
  // What file systems and kernels say that know nothing of it. Others fail for the same reason again.
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return fd;
  std::string path = directory + "/triune-objects-XXXXXX";
  const int named = mkostemp(path.data(), O_CLOEXEC);
  if (named >= 0) unlink(path.c_str());
  return named;
}

/// Growing a file beyond that kills.
uint64_t LargestFile() {
  rlimit limit{};
  return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

uint64_t RoundedDown(uint64_t bytes) { return bytes / kPageBytes * kPageBytes; }

}  // namespace

Result<DiskFile> DiskFile::Create(const std::string& directory, uint64_t limit) {
  std::string where = directory;
  if (where.empty()) {
    std::error_code error;
    where = std::filesystem::temp_directory_path(error).string();
    if (error) return CannotSpill("for temporary files", error.message());
  }
  if (limit != 0 && limit < kPageBytes) return InvalidArgument("nothing is to be spilled: spill_limit is under a page");
  const int fd = OpenWithoutName(where);
  if (fd < 0) return CannotSpill(where, std::strerror(errno));
  struct statvfs disk {};
  if (fstatvfs(fd, &disk) != 0) disk = {};
  const uint64_t whole_disk = disk.f_blocks * disk.f_frsize;
  uint64_t size = limit != 0 ? limit : whole_disk;
  size = RoundedDown(std::min({size, LargestFile(), kMostBytes}));
  // The largest file may be smaller than the disk.
  while (size >= kPageBytes && ftruncate(fd, static_cast<off_t>(size)) != 0) {
    if (errno != EFBIG) break;
    size = RoundedDown(size / 2);
  }
  DiskFile file(fd, size, where, limit == 0);
  struct stat made {};
  if (size < kPageBytes || fstat(fd, &made) != 0 || static_cast<uint64_t>(made.st_size) != size) {
    return CannotSpill(where, size < kPageBytes ? "files may not be as large as a page" : std::strerror(errno));
  }
  return file;
}

Result<DiskFile> DiskFile::Open(int fd) {
  struct stat file {};
  const bool is_one = fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && file.st_size > 0;
  DiskFile opened(fd, is_one ? static_cast<uint64_t>(file.st_size) : 0, {}, false);
  if (!is_one) return InvalidArgument(StrCat("descriptor is not of a file for objects: ", fd));
  return opened;
}

DiskFile& DiskFile::operator=(DiskFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  std::swap(directory_, other.directory_);
  std::swap(leaves_some_free_, other.leaves_some_free_);
  return *this;
}

DiskFile::~DiskFile() {
  if (fd_ >= 0) close(fd_);
}

Status DiskFile::Reserve(uint64_t offset, uint64_t bytes) const {
  struct statvfs disk {};
  if (leaves_some_free_ && fstatvfs(fd_, &disk) == 0 &&
      disk.f_bavail * disk.f_frsize < bytes + disk.f_blocks * disk.f_frsize / kPartLeftFree) {
    return ResourceExhausted("the disk is 95 % full");
  }
  int error;
  do {
    error = posix_fallocate(fd_, static_cast<off_t>(offset), static_cast<off_t>(bytes));
  } while (error == EINTR);
  if (error == 0) return {};
  std::ignore = Discard(offset, bytes);  // what it has got so far
  return ResourceExhausted(std::strerror(error));
}

Status DiskFile::Discard(uint64_t offset, uint64_t bytes) const {
  constexpr int kMode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  while (fallocate(fd_, kMode, static_cast<off_t>(offset), static_cast<off_t>(bytes)) != 0) {
    if (errno != EINTR) return Internal(StrCat("can't give room on disk back: ", std::strerror(errno)));
  }
  return {};
}

uint64_t DiskFile::StoredBytes() const {
  struct stat file {};
  return fstat(fd_, &file) == 0 ? static_cast<uint64_t>(file.st_blocks) * 512 : 0;
}

}  // namespace triune::compute::shm
