// Memory that a driver and its workers share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "compute/shm/disk_file.h"
#include "triune/status.h"

namespace triune::compute::shm {

/// A range of a segment. Offsets are bytes from the segment's beginning: each process has it at another address.
struct Block {
  uint64_t offset = 0;
  uint64_t bytes = 0;

  friend bool operator==(const Block&, const Block&) = default;
};

/// An anonymous file of memory (memfd), mapped for reading and writing. It has no name that others could find or that
/// could be left behind: workers inherit the descriptor, and the memory is gone with the last process that has it,
/// however that ended. Its size is fixed and sealed, so that nobody can take pages away below the others. Pages use
/// memory from when they are first touched; with no memory left in the machine or the cgroup, that touch kills.
///
/// A file on disk may follow, from disk_begin() on. There, only what is reserved may be touched.
///
/// Thread-compatible; all functions that are const may be called at the same time.
class Segment {
 public:
  /// The beginning is the segment's own; users have what follows.
  static constexpr uint64_t kHeaderBytes = 4096;

  /// A new one, all zeros behind the header; `bytes` in total, rounded up to whole pages. InvalidArgument when there is
  /// no room behind the header, ResourceExhausted when the system gives none of this size.
  static Result<Segment> Create(uint64_t bytes, std::optional<DiskFile> disk = {});
  /// The one that another process has made. Takes over `fd`, also when it fails: InvalidArgument when that is no
  /// segment, FailedPrecondition when it is of another version or not sealed.
  static Result<Segment> Open(int fd, std::optional<DiskFile> disk = {});

  Segment(Segment&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        disk_begin_(std::exchange(other.disk_begin_, 0)),
        disk_(std::move(other.disk_)) {}
  Segment& operator=(Segment&& other) noexcept;
  ~Segment();

  std::byte* data() const { return data_; }
  uint64_t size() const { return size_; }
  /// The segment's own; closed on exec: whoever starts a worker dups it there.
  int fd() const { return fd_; }
  /// What is behind it is on disk, up to the end.
  uint64_t disk_begin() const { return disk_begin_; }
  /// Null when there is none.
  const DiskFile* disk() const { return disk_.has_value() ? &*disk_ : nullptr; }

  /// The memory at an offset. InvalidArgument when not all of it is behind the header and inside the segment.
  Result<std::span<std::byte>> Slice(uint64_t offset, uint64_t bytes) const;
  Result<std::span<std::byte>> Slice(const Block& block) const { return Slice(block.offset, block.bytes); }

  /// Gives the whole pages inside of the range back to the system, in all processes; they are zeros when next touched.
  /// The parts of pages at its ends stay as they are.
  Status Discard(const Block& range) const;
  /// Room on disk for whole pages that are all there. ResourceExhausted.
  Status Reserve(const Block& range) const;
  /// Memory that the segment takes now; what is on disk does not count.
  uint64_t ResidentBytes() const;

 private:
  Segment(int fd, std::byte* data, uint64_t size, uint64_t disk_begin, std::optional<DiskFile> disk)
      : fd_(fd), data_(data), size_(size), disk_begin_(disk_begin), disk_(std::move(disk)) {}
  static Result<Segment> Map(int fd, uint64_t size, std::optional<DiskFile> disk);

  int fd_ = -1;
  std::byte* data_ = nullptr;
  uint64_t size_ = 0;
  uint64_t disk_begin_ = 0;
  std::optional<DiskFile> disk_;
};

}  // namespace triune::compute::shm
