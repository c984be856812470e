// Memory that the processes of a compiled DAG share: how far it is, and the room for its values.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "compute/shm/doorbell.h"
#include "triune/status.h"

namespace triune::compute {

/// Where an execution has one value. Written by one process, then read by others; used again by the next execution that
/// gets the same room, which begins only when all values of this one were read.
struct alignas(64) ValueSlot {
  static constexpr size_t kBytes = 4032;  ///< With what is before it, a page.
  enum Kind : uint32_t {
    kPlain,        ///< The value is the bytes.
    kWithBuffers,  ///< See channel.cc.
    kError,        ///< The bytes are a status.
  };

  std::atomic<uint64_t> sequence;  ///< The number of the execution that has its value here, and one.
  std::atomic<uint64_t> block;     ///< Where the bytes are that are more than there is room for here; or 0.
  std::atomic<uint64_t> size;
  std::atomic<uint32_t> kind;
  alignas(64) std::byte bytes[kBytes];
};
static_assert(sizeof(ValueSlot) == 4096);

/// What the driver and a lane, which is all that a DAG has in one process, have between them.
struct LaneWords {
  shm::DoorbellWord bell;  ///< For the lane.
  /// Whoever changes it first: the lane begins, or it will not.
  enum State : uint32_t { kWaits, kHasBegun, kNotWanted };
  alignas(64) std::atomic<uint32_t> state;
};

struct RegionWords {
  enum State : uint32_t {
    kRun,
    kStop,  ///< Executions go on to the end, but nothing is called any more.
    kEnd,   ///< All leave.
  };
  alignas(64) std::atomic<uint32_t> state;
  shm::DoorbellWord bell;                      ///< For the driver.
  alignas(64) std::atomic<uint64_t> arrivals;  ///< Outputs that were written.
};

struct RegionShape {
  static constexpr uint32_t kMostRooms = 1U << 12U;
  static constexpr uint32_t kMostValues = 1U << 16U;
  static constexpr uint32_t kMostLanes = 1U << 10U;
  uint32_t rooms = 0;  ///< Executions at the same time.
  uint32_t values = 0;
  uint32_t lanes = 0;

  /// InvalidArgument when it is more than there can be.
  Status Check() const;
  uint64_t bytes() const;
};

/// A checked view of it. Thread-safe, as far as its words are.
class DagRegion {
 public:
  /// The memory must outlive this. InvalidArgument when it is too small for the shape.
  static Result<DagRegion> Open(std::span<std::byte> memory, const RegionShape& shape);
  /// Before others know of it.
  void Clear() const;

  const RegionShape& shape() const { return shape_; }
  RegionWords& words() const { return *words_; }
  LaneWords& lane(uint32_t lane) const { return lanes_[lane]; }
  ValueSlot& slot(uint32_t value, uint32_t room) const { return slots_[size_t{value} * shape_.rooms + room]; }

  /// By the driver: the execution of that number has this room, and begins. In their order.
  void Begin(uint64_t number, uint32_t room) const {
    order_[number % shape_.rooms].store((number + 1) << kRoomBits | room, std::memory_order_release);
  }
  bool HasBegun(uint64_t number) const {
    return order_[number % shape_.rooms].load(std::memory_order_acquire) >> kRoomBits == number + 1;
  }
  /// Of an execution that has begun; below the number of rooms, unless somebody has gone astray: then kMostRooms.
  uint32_t RoomOf(uint64_t number) const;
  bool HasValue(uint32_t value, uint32_t room, uint64_t number) const {
    return slot(value, room).sequence.load(std::memory_order_acquire) == number + 1;
  }

  bool is_over() const { return words_->state.load(std::memory_order_acquire) == RegionWords::kEnd; }
  /// Tells all lanes of a state.
  void Tell(RegionWords::State state) const;

 private:
  static constexpr uint32_t kRoomBits = 16;
  DagRegion() = default;

  RegionShape shape_;
  RegionWords* words_ = nullptr;
  LaneWords* lanes_ = nullptr;
  std::atomic<uint64_t>* order_ = nullptr;
  ValueSlot* slots_ = nullptr;
};

}  // namespace triune::compute
