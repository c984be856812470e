// What one driver and one worker share: a ring for each direction, doorbells, and how far the worker is.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "compute/process/slot.h"
#include "compute/shm/doorbell.h"
#include "compute/shm/ring.h"
#include "compute/shm/segment.h"

namespace triune::compute {

struct LinkPage {
  shm::DoorbellWord to_worker;
  shm::DoorbellWord to_driver;
  std::array<std::atomic<uint32_t>, kSlots> slots;
};
static_assert(sizeof(LinkPage) <= 4096);

/// One end. What arrives may be nonsense once the other has gone astray; then there are errors. Thread-compatible.
class Link {
 public:
  static constexpr size_t kRingCapacity = size_t{256} << 10U;

  /// An empty one, for a worker that is about to start.
  static Result<shm::Segment> Create();
  enum class End { kDriver, kWorker };
  /// The segment must outlive the link.
  static Result<Link> Open(const shm::Segment& segment, End end);

  /// Leaves a message, of which the other end hears with the next Flush. False when there is no room now.
  Result<bool> TryWrite(std::span<const std::byte> message);
  /// `ring`: wakes the other end, should it sleep.
  void Flush(bool ring = true);
  /// The next message, where it lies, until Pop.
  Result<std::optional<std::span<const std::byte>>> Peek() { return reader_.Peek(); }
  void Pop() { reader_.Pop(); }
  bool HasMessage() const { return reader_.HasMessage(); }

  size_t longest_message() const { return writer_.longest_message(); }
  LinkPage& page() const { return *page_; }
  /// Rung by the other end.
  shm::Doorbell& incoming() { return incoming_; }
  shm::Doorbell& incoming_without_spin() { return incoming_without_spin_; }
  shm::Doorbell& outgoing() { return outgoing_; }

 private:
  Link(LinkPage* page, shm::RingWriter writer, shm::RingReader reader, shm::DoorbellWord& incoming,
       shm::DoorbellWord& outgoing);

  LinkPage* page_;
  shm::RingWriter writer_;
  shm::RingReader reader_;
  shm::Doorbell incoming_;
  shm::Doorbell incoming_without_spin_;
  bool unheard_ = false;  ///< Flushed without ringing.
  shm::Doorbell outgoing_;
};

}  // namespace triune::compute
