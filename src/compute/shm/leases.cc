#include "compute/shm/leases.h"

#include <algorithm>
#include <cassert>

#include "base/strings.h"

namespace triune::compute::shm {

namespace {

Status NoLease(uint64_t offset) { return NotFound(StrCat("no lease of a block of shared memory at ", offset)); }

}  // namespace

Leases::Leases(BlockSource& arena, size_t most_holders) : arena_(arena), slots_(most_holders) {
  for (size_t i = most_holders; i-- > 0;) vacant_.push_back(static_cast<uint32_t>(i));
}

Result<Holder> Leases::Join() {
  std::lock_guard lock(slots_mutex_);
  if (vacant_.empty()) return ResourceExhausted(StrCat("too many holders of shared memory: ", slots_.size()));
  uint32_t slot = vacant_.back();
  vacant_.pop_back();
  return Holder{slot, slots_[slot].generation.fetch_add(1) + 1};
}

bool Leases::IsHere(Holder holder) const {
  return holder.slot < slots_.size() && holder.generation % 2 == 1 &&
         slots_[holder.slot].generation.load(std::memory_order_acquire) == holder.generation;
}

Status Leases::CheckIsHere(Holder holder) const {
  if (IsHere(holder)) return {};
  return FailedPrecondition(StrCat("holder of shared memory has left: ", holder.slot, " of ", holder.generation));
}

Result<Leases::Released> Leases::Leave(Holder holder) {
  TRIUNE_RETURN_IF_ERROR(CheckIsHere(holder));
  Slot& slot = slots_[holder.slot];
  uint32_t expected = holder.generation;
  if (!slot.generation.compare_exchange_strong(expected, expected + 1)) return CheckIsHere(holder);
  // Leases are made with the shard locked, after a look at the generation: either it was ours then and the lease is
  // found below, or the maker sees that the holder has left.
  Released released;
  std::vector<Block> freed;
  for (Shard& shard : shards_) {
    {
      std::lock_guard lock(shard.mutex);
      for (auto entry = shard.entries.begin(); entry != shard.entries.end();) {
        Hold* hold = entry->second.Find(holder);
        bool last = false;
        if (hold != nullptr) {
          ++released.blocks;
          last = Remove(entry->second, *hold, hold->count);
          if (last) freed.push_back({entry->first, entry->second.bytes});
        }
        entry = last ? shard.entries.erase(entry) : std::next(entry);
      }
    }
    for (const Block& block : freed) {
      [[maybe_unused]] Status status = arena_.Free(block.offset);
      assert(status.ok());
      ++released.freed;
      released.freed_bytes += block.bytes;
    }
    freed.clear();
  }
  std::lock_guard lock(slots_mutex_);
  vacant_.push_back(holder.slot);
  return released;
}

Result<Block> Leases::Grant(Holder holder, uint64_t bytes) {
  TRIUNE_ASSIGN_OR_RETURN(Block block, arena_.Allocate(bytes));
  {
    Shard& shard = ShardOf(block.offset);
    std::lock_guard lock(shard.mutex);
    if (IsHere(holder)) [[likely]] {
      Entry& entry = shard.entries[block.offset];
      entry.bytes = block.bytes;
      Add(entry, holder);
      return block;
    }
  }
  TRIUNE_RETURN_IF_ERROR(arena_.Free(block.offset));
  return CheckIsHere(holder);
}

Result<Block> Leases::Check(Holder holder, uint64_t offset, uint64_t bytes) const {
  TRIUNE_RETURN_IF_ERROR(CheckIsHere(holder));
  Shard& shard = ShardOf(offset);
  std::lock_guard lock(shard.mutex);
  auto entry = shard.entries.find(offset);
  if (entry == shard.entries.end() || entry->second.Find(holder) == nullptr) return NoLease(offset);
  if (bytes > entry->second.bytes) {
    return InvalidArgument(
        StrCat("block of shared memory at ", offset, " is smaller: want ", bytes, ", got ", entry->second.bytes));
  }
  return Block{offset, entry->second.bytes};
}

Status Leases::Share(Holder from, Holder to, uint64_t offset) {
  TRIUNE_RETURN_IF_ERROR(CheckIsHere(from));
  Shard& shard = ShardOf(offset);
  std::lock_guard lock(shard.mutex);
  auto entry = shard.entries.find(offset);
  if (entry == shard.entries.end() || entry->second.Find(from) == nullptr) return NoLease(offset);
  TRIUNE_RETURN_IF_ERROR(CheckIsHere(to));
  Add(entry->second, to);
  return {};
}

Status Leases::Move(Holder from, Holder to, uint64_t offset) {
  TRIUNE_RETURN_IF_ERROR(CheckIsHere(from));
  Shard& shard = ShardOf(offset);
  std::lock_guard lock(shard.mutex);
  auto entry = shard.entries.find(offset);
  if (entry == shard.entries.end() || entry->second.Find(from) == nullptr) return NoLease(offset);
  TRIUNE_RETURN_IF_ERROR(CheckIsHere(to));
  Add(entry->second, to);
  Remove(entry->second, *entry->second.Find(from), 1);
  return {};
}

Status Leases::Drop(Holder holder, uint64_t offset, uint32_t count) {
  TRIUNE_RETURN_IF_ERROR(CheckIsHere(holder));
  {
    Shard& shard = ShardOf(offset);
    std::lock_guard lock(shard.mutex);
    auto entry = shard.entries.find(offset);
    Hold* hold = entry == shard.entries.end() ? nullptr : entry->second.Find(holder);
    if (hold == nullptr) return NoLease(offset);
    if (count > hold->count) {
      return InvalidArgument(
          StrCat("fewer leases of the block of shared memory at ", offset, ": want ", count, ", got ", hold->count));
    }
    if (!Remove(entry->second, *hold, count)) return {};
    shard.entries.erase(entry);
  }
  return arena_.Free(offset);
}

uint64_t Leases::HeldBytes(Holder holder) const {
  return IsHere(holder) ? slots_[holder.slot].held_bytes.load(std::memory_order_relaxed) : 0;
}

Leases::Hold* Leases::Entry::Find(Holder holder) {
  auto found = std::ranges::find(holds, holder, &Hold::holder);
  return found == holds.end() ? nullptr : &*found;
}

void Leases::Add(Entry& entry, Holder holder) {
  if (Hold* hold = entry.Find(holder)) {
    ++hold->count;
    return;
  }
  entry.holds.push_back({holder, 1});
  slots_[holder.slot].held_bytes.fetch_add(entry.bytes, std::memory_order_relaxed);
}

bool Leases::Remove(Entry& entry, Hold& hold, uint32_t count) {
  hold.count -= count;
  if (hold.count > 0) return false;
  slots_[hold.holder.slot].held_bytes.fetch_sub(entry.bytes, std::memory_order_relaxed);
  hold = entry.holds.back();
  entry.holds.pop_back();
  return entry.holds.empty();
}

}  // namespace triune::compute::shm
