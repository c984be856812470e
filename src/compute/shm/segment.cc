#include "compute/shm/segment.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/strings.h"

namespace triune::compute::shm {

namespace {

/// What the segment begins with.
struct Header {
  uint64_t magic;
  uint64_t version;
  uint64_t size;
};
constexpr uint64_t kMagic = 0x544e'4d47'4553'5254;
/// Of everything that lies in a segment: rings, doorbells. Driver and workers are the same binary, or should be.
constexpr uint64_t kVersion = 1;
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

uint64_t PageBytes() {
  static const auto bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

int MakeFile() {
  // Linux 6.3; systems may be set up to refuse files without it, and older ones refuse those with it.
  constexpr unsigned kNoExecSeal = 8;
  int fd = memfd_create("triune-segment", MFD_CLOEXEC | MFD_ALLOW_SEALING | kNoExecSeal);
  if (fd < 0 && errno == EINVAL) fd = memfd_create("triune-segment", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  return fd;
}

/// Whether the process may have a file of this size; making it all the same kills.
bool MayBeAsLarge(uint64_t bytes) {
  rlimit limit{};
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur >= bytes) return true;
  errno = EFBIG;
  return false;
}

Status CannotMake(uint64_t bytes) {
  return ResourceExhausted(StrCat("can't make shared memory of ", bytes, " bytes: ", std::strerror(errno)));
}

}  // namespace

Result<Segment> Segment::Map(int fd, uint64_t size, std::optional<DiskFile> disk) {
  // Without a reservation of swap: most of it may never be touched.
  constexpr int kFlags = MAP_SHARED | MAP_NORESERVE;
  const uint64_t on_disk = disk.has_value() ? disk->size() : 0;
  const uint64_t whole = size + on_disk;
  void* data = on_disk == 0 ? mmap(nullptr, size, PROT_READ | PROT_WRITE, kFlags, fd, 0)
                            : mmap(nullptr, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  auto* bytes = static_cast<std::byte*>(data);
  if (data != MAP_FAILED && on_disk != 0 &&
      (mmap(bytes, size, PROT_READ | PROT_WRITE, kFlags | MAP_FIXED, fd, 0) == MAP_FAILED ||
       mmap(bytes + size, on_disk, PROT_READ | PROT_WRITE, kFlags | MAP_FIXED, disk->fd(), 0) == MAP_FAILED)) {
    const int error = errno;
    munmap(data, whole);
    errno = error;
    data = MAP_FAILED;
  }
  if (data == MAP_FAILED) {
    Status status = ResourceExhausted(StrCat("can't map shared memory of ", whole, " bytes: ", std::strerror(errno)));
    close(fd);
    return status;
  }
  return Segment(fd, bytes, whole, size, std::move(disk));
}

Result<Segment> Segment::Create(uint64_t bytes, std::optional<DiskFile> disk) {
  if (bytes <= kHeaderBytes || bytes > uint64_t{1} << 46U) {
    return InvalidArgument(StrCat("not a size for shared memory: ", bytes, " bytes"));
  }
  uint64_t size = (bytes + PageBytes() - 1) / PageBytes() * PageBytes();
  if (!MayBeAsLarge(size)) return CannotMake(size);
  int fd = MakeFile();
  if (fd < 0) return CannotMake(size);
  if (ftruncate(fd, static_cast<off_t>(size)) != 0 || fcntl(fd, F_ADD_SEALS, kSeals) != 0) {
    Status status = CannotMake(size);
    close(fd);
    return status;
  }
  TRIUNE_ASSIGN_OR_RETURN(Segment segment, Map(fd, size, std::move(disk)));
  Header header{kMagic, kVersion, size};
  std::memcpy(segment.data_, &header, sizeof header);
  return segment;
}

Result<Segment> Segment::Open(int fd, std::optional<DiskFile> disk) {
  struct stat file {};
  if (fstat(fd, &file) != 0) return InvalidArgument(StrCat("shared memory: fstat: ", std::strerror(errno)));
  auto size = static_cast<uint64_t>(file.st_size);
  if (!S_ISREG(file.st_mode) || size <= kHeaderBytes) {
    close(fd);
    return InvalidArgument(StrCat("descriptor is not of shared memory: ", fd));
  }
  // Without the seal, whoever shortens the file kills all who touch what is gone. Only memfds have seals.
  int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals) {
    close(fd);
    return FailedPrecondition(StrCat("shared memory is not sealed: descriptor ", fd));
  }
  TRIUNE_ASSIGN_OR_RETURN(Segment segment, Map(fd, size, std::move(disk)));
  Header header{};
  std::memcpy(&header, segment.data_, sizeof header);
  if (header.magic != kMagic) return InvalidArgument(StrCat("descriptor is not of shared memory of ours: ", fd));
  if (header.version != kVersion) {
    return FailedPrecondition(StrCat("version of shared memory: got ", header.version, ", want ", kVersion));
  }
  if (header.size != size) {
    return InvalidArgument(StrCat("size of shared memory: got ", size, ", want ", header.size));
  }
  return segment;
}

Segment& Segment::operator=(Segment&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(disk_begin_, other.disk_begin_);
  std::swap(disk_, other.disk_);
  return *this;
}

Segment::~Segment() {
  if (data_ != nullptr) munmap(data_, size_);
  if (fd_ >= 0) close(fd_);
}

Result<std::span<std::byte>> Segment::Slice(uint64_t offset, uint64_t bytes) const {
  if (offset < kHeaderBytes || offset > size_ || bytes > size_ - offset) {
    return InvalidArgument(StrCat("range is outside of shared memory of ", size_, " bytes: ", offset, "+", bytes));
  }
  return std::span(data_ + offset, bytes);
}

Status Segment::Discard(const Block& range) const {
  TRIUNE_RETURN_IF_ERROR(Slice(range).status());
  uint64_t begin = (range.offset + PageBytes() - 1) / PageBytes() * PageBytes();
  uint64_t end = (range.offset + range.bytes) / PageBytes() * PageBytes();
  if (begin >= end) return {};
  if (begin >= disk_begin_) return disk_->Discard(begin - disk_begin_, end - begin);
  if (madvise(data_ + begin, end - begin, MADV_REMOVE) != 0) {
    return Internal(StrCat("can't give shared memory back: ", std::strerror(errno), ": ", end - begin, " bytes"));
  }
  return {};
}

Status Segment::Reserve(const Block& range) const {
  TRIUNE_RETURN_IF_ERROR(Slice(range).status());
  return range.offset < disk_begin_ ? Status() : disk_->Reserve(range.offset - disk_begin_, range.bytes);
}

uint64_t Segment::ResidentBytes() const {
  struct stat file {};
  return fstat(fd_, &file) == 0 ? static_cast<uint64_t>(file.st_blocks) * 512 : 0;
}

}  // namespace triune::compute::shm
