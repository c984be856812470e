// Blocks in memory, and on disk when there is no more room.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "compute/shm/arena.h"
#include "compute/shm/block_source.h"
#include "compute/shm/segment.h"

namespace triune::compute::shm {

/// In bytes where nothing else is said.
struct SpillStatistics {
  uint64_t memory_limit = 0;
  uint64_t memory_used = 0;
  uint64_t spill_limit = 0;  ///< 0: nothing can be spilled.
  uint64_t spilled = 0;      ///< Now.
  uint64_t objects = 0;      ///< Blocks in memory and on disk.
  uint64_t spilled_objects = 0;
  uint64_t spilled_ever = 0;  ///< Since the beginning.
  uint64_t spilled_objects_ever = 0;
};

/// The blocks of a segment. A block stays where it is: what was spilled is read and written in its place. Room on disk
/// is reserved with a block and given back with it. Thread-safe.
class SpillingArena final : public BlockSource {
 public:
  /// The segment must outlive it and stay where it is.
  static Result<std::unique_ptr<SpillingArena>> Create(const Segment& segment, uint64_t most_kept_bytes);

  Result<Block> Allocate(uint64_t bytes) override;
  Status Free(uint64_t offset) override;

  const Arena& memory() const { return *memory_; }
  SpillStatistics statistics() const;
  /// Why the last block that was to be spilled was not, when the system said so.
  Status last_failure() const { return disk_ == nullptr ? Status() : disk_->last_failure(); }

 private:
  SpillingArena(uint64_t disk_begin, std::unique_ptr<Arena> memory, std::unique_ptr<Arena> disk)
      : disk_begin_(disk_begin), memory_(std::move(memory)), disk_(std::move(disk)) {}

  const uint64_t disk_begin_;
  const std::unique_ptr<Arena> memory_;
  const std::unique_ptr<Arena> disk_;  ///< Null: there is none.
  std::atomic<uint64_t> spilled_ever_{0};
  std::atomic<uint64_t> spilled_objects_ever_{0};
};

}  // namespace triune::compute::shm
