// Blocks of shared memory.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "compute/shm/block_source.h"
#include "compute/shm/page_map.h"
#include "compute/shm/page_runs.h"
#include "compute/shm/segment.h"
#include "compute/shm/size_classes.h"
#include "compute/shm/slab_class.h"

namespace triune::compute::shm {

struct ArenaOptions {
  uint64_t begin = Segment::kHeaderBytes;  ///< Where in the segment; rounded up to whole pages.
  uint64_t end = UINT64_MAX;               ///< At most up to the segment's end; rounded down.
  /// Free pages may keep so much memory, as it is faster to use again. Beyond it they go back to the system.
  uint64_t most_kept_bytes = uint64_t{64} << 20U;
};

/// In bytes where nothing else is said. Each number is right, but they are not of one moment while blocks come and go.
struct ArenaStatistics {
  uint64_t capacity = 0;
  uint64_t used = 0;  ///< Blocks that are allocated, at their full size.
  uint64_t large_blocks = 0;
  uint64_t large_used = 0;  ///< Part of `used`.
  uint64_t free = 0;        ///< Runs of free pages; free blocks of slabs are neither here nor in `used`.
  uint64_t free_runs = 0;
  uint64_t largest_free_run = 0;
  uint64_t kept = 0;  ///< Part of `free` that takes memory.
  std::array<SlabClass::Statistics, kSizeClasses> classes;
};

/// Allocates blocks of a segment, for the driver alone. All that it knows of them is in the driver's private memory: no
/// worker, however it ends or goes astray, can leave it in a state that is wrong. Workers get blocks from the driver
/// (see Leases), and no more than the bytes of the blocks is shared.
///
/// Blocks begin at multiples of 64 bytes, those over 32 KiB at whole pages. The contents of a new block are what its
/// pages had last. Thread-safe.
class Arena final : public BlockSource {
 public:
  /// The segment must outlive the arena and stay where it is. InvalidArgument when the range has no whole page.
  static Result<std::unique_ptr<Arena>> Create(const Segment& segment, const ArenaOptions& options = {});
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// A block of at least this size; its whole size may be used. ResourceExhausted when no free run is long enough.
  Result<Block> Allocate(uint64_t bytes) override;
  /// The same, without an error that says why.
  std::optional<Block> TryAllocate(uint64_t bytes);
  /// NotFound when no block begins there or it is free already; nothing has changed then. (A second Free after somebody
  /// else has got the same place can't be told from his own; with Leases it can.)
  Status Free(uint64_t offset) override;
  /// The allocated block that begins there; NotFound when there is none.
  Result<Block> Find(uint64_t offset) const;
  /// Gives slabs without used blocks back to the free pages.
  void Trim();

  ArenaStatistics statistics() const;
  /// Why there was no room on disk for a block, the last time.
  Status last_failure() const { return runs_.last_failure(); }

 private:
  Arena(const Segment& segment, uint64_t begin, uint32_t pages, uint64_t most_kept_pages);
  std::optional<Block> AllocatePages(uint64_t bytes);
  bool Contains(uint64_t offset) const { return offset >= begin_ && offset - begin_ < pages_ * kPageBytes; }
  uint32_t PageOf(uint64_t offset) const { return static_cast<uint32_t>((offset - begin_) / kPageBytes); }

  const uint64_t begin_;
  const uint32_t pages_;
  PageMap map_;
  PageRuns runs_;
  std::deque<SlabClass> classes_;
  std::atomic<uint64_t> large_blocks_{0};
  std::atomic<uint64_t> large_pages_{0};
};

}  // namespace triune::compute::shm
