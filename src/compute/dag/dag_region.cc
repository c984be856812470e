#include "compute/dag/dag_region.h"

#include <cstring>
#include <string>

namespace triune::compute {
namespace {

constexpr uint64_t RoundUp(uint64_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

Status RegionShape::Check() const {
  if (rooms == 0 || values == 0 || lanes == 0) return InvalidArgument("a compiled DAG without rooms, values or actors");
  if (rooms > kMostRooms) {
    return InvalidArgument("max_inflight_executions of a compiled DAG in processes can't be more than " +
                           std::to_string(kMostRooms) + ": is " + std::to_string(rooms));
  }
  if (values > kMostValues || lanes > kMostLanes) {
    return InvalidArgument("too many nodes or actors for a compiled DAG in processes: has " + std::to_string(values) +
                           " and " + std::to_string(lanes) + ", at most " + std::to_string(kMostValues) + " and " +
                           std::to_string(kMostLanes));
  }
  return {};
}

uint64_t RegionShape::bytes() const {
  return sizeof(RegionWords) + lanes * sizeof(LaneWords) + RoundUp(rooms * sizeof(uint64_t)) +
         uint64_t{values} * rooms * sizeof(ValueSlot);
}

Result<DagRegion> DagRegion::Open(std::span<std::byte> memory, const RegionShape& shape) {
  TRIUNE_RETURN_IF_ERROR(shape.Check());
  if (memory.size() < shape.bytes() || reinterpret_cast<uintptr_t>(memory.data()) % 64 != 0) {
    return InvalidArgument("memory is not right for a compiled DAG: " + std::to_string(memory.size()) + " bytes");
  }
  DagRegion region;
  region.shape_ = shape;
  std::byte* at = memory.data();
  region.words_ = reinterpret_cast<RegionWords*>(at);
  at += sizeof(RegionWords);
  region.lanes_ = reinterpret_cast<LaneWords*>(at);
  at += shape.lanes * sizeof(LaneWords);
  region.order_ = reinterpret_cast<std::atomic<uint64_t>*>(at);
  at += RoundUp(shape.rooms * sizeof(uint64_t));
  region.slots_ = reinterpret_cast<ValueSlot*>(at);
  return region;
}

void DagRegion::Clear() const {
  auto* const begin = reinterpret_cast<std::byte*>(words_);
  std::memset(begin, 0, static_cast<size_t>(reinterpret_cast<std::byte*>(slots_) - begin));
  for (size_t i = 0; i < size_t{shape_.values} * shape_.rooms; ++i) {
    slots_[i].sequence.store(0, std::memory_order_relaxed);
    slots_[i].block.store(0, std::memory_order_relaxed);
  }
}

uint32_t DagRegion::RoomOf(uint64_t number) const {
  const auto room = static_cast<uint32_t>(order_[number % shape_.rooms].load(std::memory_order_relaxed) &
                                          ((uint64_t{1} << kRoomBits) - 1));
  return room < shape_.rooms ? room : RegionShape::kMostRooms;
}

void DagRegion::Tell(RegionWords::State state) const {
  words_->state.store(state, std::memory_order_release);
  for (uint32_t i = 0; i < shape_.lanes; ++i) shm::Doorbell(lanes_[i].bell).Ring();
}

}  // namespace triune::compute
