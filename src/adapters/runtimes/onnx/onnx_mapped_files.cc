#include "adapters/runtimes/onnx/onnx_mapped_files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/strings.h"

namespace triune::onnx {
namespace {

namespace fs = std::filesystem;

/// Of a model folder in which links are looked for.
constexpr int kMostEntries = 100'000;

std::shared_mutex sessions_mutex;

struct Mapping {
  uintptr_t start = 0;
  uintptr_t end = 0;
  bool writable = false;
  std::string path;
};

/// Private mappings of files that hold data. Files of which any part may be executed are programs and libraries.
std::vector<Mapping> ReadMappings() {
  std::vector<Mapping> mappings;
  std::set<std::string> programs;
  std::ifstream file("/proc/self/maps");
  std::string line;
  while (std::getline(file, line)) {
    Mapping mapping;
    char access[5] = {};
    int path_start = 0;
    // 7f0c4a000000-7f0c4a021000 r--p 00000000 08:01 1234      /models/weights.bin
    int read = std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %4s %*x %*s %*u %n", &mapping.start, &mapping.end,
                           access, &path_start);
    if (read != 3 || path_start == 0 || line[static_cast<size_t>(path_start)] != '/') continue;
    mapping.path = line.substr(static_cast<size_t>(path_start));
    mapping.writable = access[1] == 'w';
    if (access[2] == 'x') programs.insert(mapping.path);
    if (access[0] == 'r' && access[3] == 'p') mappings.push_back(std::move(mapping));
  }
  std::erase_if(mappings, [&](const Mapping& mapping) { return programs.contains(mapping.path); });
  return mappings;
}

/// Which files are the model's: those in its folder, wherever the links in there lead.
class ModelFiles {
 public:
  explicit ModelFiles(const fs::path& model) : folder_(model.parent_path().empty() ? "." : model.parent_path()) {
    std::error_code error;
    prefixes_.push_back(fs::canonical(folder_, error).string() + "/");
    prefixes_.push_back(fs::canonical(model, error).parent_path().string() + "/");
  }

  bool Contain(const std::string& path) {
    for (const std::string& prefix : prefixes_) {
      if (prefix.size() > 1 && path.starts_with(prefix)) return true;
    }
    if (!links_read_) ReadLinks();
    return links_.contains(path);
  }

 private:
  void ReadLinks() {
    links_read_ = true;
    std::error_code error;
    int entries = 0;
    fs::recursive_directory_iterator entry(folder_, fs::directory_options::skip_permission_denied, error);
    for (; !error && entry != fs::recursive_directory_iterator() && entries < kMostEntries; entry.increment(error)) {
      ++entries;
      std::error_code ignored;
      if (entry->is_symlink(ignored)) links_.insert(fs::canonical(entry->path(), ignored).string());
    }
  }

  fs::path folder_;
  std::vector<std::string> prefixes_;
  bool links_read_ = false;
  std::set<std::string> links_;
};

/// Reading its own memory as a file, the process gets an error where a plain read would end it.
Status Read(int memory, const Mapping& mapping, char* to) {
  size_t size = mapping.end - mapping.start;
  if (memory < 0) {  // a process may be forbidden to open its memory
    std::memcpy(to, reinterpret_cast<const char*>(mapping.start), size);  // NOLINT(performance-no-int-to-ptr)
    return {};
  }
  for (size_t done = 0; done < size;) {
    ssize_t count = pread(memory, to + done, size - done, static_cast<off_t>(mapping.start + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      return FailedPrecondition(StrCat("a file of the model has changed while it was loaded: ", mapping.path));
    }
    done += static_cast<size_t>(count);
  }
  return {};
}

Status Replace(int memory, const Mapping& mapping) {
  size_t size = mapping.end - mapping.start;
  void* copy = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (copy == MAP_FAILED) return ResourceExhausted(StrCat("no memory for ", size, " bytes of ", mapping.path));
  Status status = Read(memory, mapping, static_cast<char*>(copy));
  if (status.ok() && !mapping.writable && mprotect(copy, size, PROT_READ) != 0) status = Internal("mprotect failed");
  // In one step: other sessions may be computing from the mapping.
  void* place = reinterpret_cast<void*>(mapping.start);  // NOLINT(performance-no-int-to-ptr)
  if (status.ok() && mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, place) == MAP_FAILED) {
    status = ResourceExhausted(StrCat("can't replace the mapping of ", mapping.path, ": ", std::strerror(errno)));
  }
  if (!status.ok()) munmap(copy, size);
  return status;
}

}  // namespace

SessionLock::SessionLock() : lock_(sessions_mutex) {}

Result<uint64_t> CopyMappedFiles(const std::string& model_path) {
  ModelFiles files(model_path);
  auto is_other = [&](const Mapping& mapping) { return !files.Contain(mapping.path); };
  // Most models have no such file; they need not wait for the sessions that other threads make.
  {
    std::vector<Mapping> mappings = ReadMappings();
    if (std::ranges::all_of(mappings, is_other)) return uint64_t{0};
  }
  std::unique_lock lock(sessions_mutex);
  std::vector<Mapping> mappings = ReadMappings();
  std::erase_if(mappings, is_other);
  int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  Status status;
  uint64_t copied = 0;
  for (const Mapping& mapping : mappings) {
    status = Replace(memory, mapping);
    if (!status.ok()) break;
    copied += mapping.end - mapping.start;
  }
  if (memory >= 0) close(memory);
  if (!status.ok()) return status;
  return copied;
}

}  // namespace triune::onnx
