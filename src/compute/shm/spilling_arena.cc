#include "compute/shm/spilling_arena.h"

#include <optional>
#include <utility>

namespace triune::compute::shm {

namespace {

uint64_t BlocksOf(const ArenaStatistics& statistics) {
  uint64_t blocks = statistics.large_blocks;
  for (const SlabClass::Statistics& each : statistics.classes) blocks += each.used_blocks;
  return blocks;
}

}  // namespace

Result<std::unique_ptr<SpillingArena>> SpillingArena::Create(const Segment& segment, uint64_t most_kept_bytes) {
  TRIUNE_ASSIGN_OR_RETURN(auto memory,
                          Arena::Create(segment, {.end = segment.disk_begin(), .most_kept_bytes = most_kept_bytes}));
  std::unique_ptr<Arena> disk;
  if (segment.disk() != nullptr) {
    TRIUNE_ASSIGN_OR_RETURN(disk, Arena::Create(segment, {.begin = segment.disk_begin(), .most_kept_bytes = 0}));
  }
  return std::unique_ptr<SpillingArena>(new SpillingArena(segment.disk_begin(), std::move(memory), std::move(disk)));
}

Result<Block> SpillingArena::Allocate(uint64_t bytes) {
  if (disk_ == nullptr) return memory_->Allocate(bytes);
  if (std::optional<Block> block = memory_->TryAllocate(bytes)) return *block;
  TRIUNE_ASSIGN_OR_RETURN(const Block block, disk_->Allocate(bytes));
  spilled_ever_.fetch_add(block.bytes, std::memory_order_relaxed);
  spilled_objects_ever_.fetch_add(1, std::memory_order_relaxed);
  return block;
}

Status SpillingArena::Free(uint64_t offset) {
  return disk_ != nullptr && offset >= disk_begin_ ? disk_->Free(offset) : memory_->Free(offset);
}

SpillStatistics SpillingArena::statistics() const {
  const ArenaStatistics memory = memory_->statistics();
  SpillStatistics result{.memory_limit = memory.capacity, .memory_used = memory.used, .objects = BlocksOf(memory)};
  if (disk_ == nullptr) return result;
  const ArenaStatistics disk = disk_->statistics();
  result.spill_limit = disk.capacity;
  result.spilled = disk.used;
  result.spilled_objects = BlocksOf(disk);
  result.objects += result.spilled_objects;
  result.spilled_ever = spilled_ever_.load(std::memory_order_relaxed);
  result.spilled_objects_ever = spilled_objects_ever_.load(std::memory_order_relaxed);
  return result;
}

}  // namespace triune::compute::shm
