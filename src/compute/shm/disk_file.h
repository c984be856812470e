// What does not fit into memory.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "triune/status.h"

namespace triune::compute::shm {

/// A file without a name, for processes to map: nobody else finds it, and it is gone with the last process that has it,
/// however that ended. It takes room on the disk only where that is reserved. What is written where nothing is reserved
/// kills when the disk is full, so all of it is reserved before. Thread-compatible; all functions that are const may be
/// called at the same time.
class DiskFile {
 public:
  /// `directory` empty: the one for temporary files. `limit`: its size in bytes, rounded down to whole pages; 0: as
  /// large as the disk, of which it leaves 5 % free. InvalidArgument when the limit is less than a page; the system's
  /// error, with the directory, when there can be no file.
  static Result<DiskFile> Create(const std::string& directory, uint64_t limit);
  /// What another process has made. Takes over `fd`, also when it fails.
  static Result<DiskFile> Open(int fd);

  DiskFile(DiskFile&& other) noexcept { *this = std::move(other); }
  DiskFile& operator=(DiskFile&& other) noexcept;
  ~DiskFile();

  /// Its own; closed on exec.
  int fd() const { return fd_; }
  uint64_t size() const { return size_; }
  /// Empty when another process has made it.
  const std::string& directory() const { return directory_; }

  /// Room on the disk for these bytes. ResourceExhausted.
  Status Reserve(uint64_t offset, uint64_t bytes) const;
  /// Gives the room back, of whole pages; what is read there is zeros.
  Status Discard(uint64_t offset, uint64_t bytes) const;
  /// Room that it takes.
  uint64_t StoredBytes() const;

 private:
  DiskFile(int fd, uint64_t size, std::string directory, bool leaves_some_free)
      : fd_(fd), size_(size), directory_(std::move(directory)), leaves_some_free_(leaves_some_free) {}

  int fd_ = -1;
  uint64_t size_ = 0;
  std::string directory_;
  bool leaves_some_free_ = false;
};

}  // namespace triune::compute::shm
