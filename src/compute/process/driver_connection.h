// A worker's way to its driver.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "compute/process/link.h"
#include "compute/process/message.h"
#include "compute/process/value_message.h"
#include "compute/shm/segment.h"
#include "triune/status.h"
#include "triune/time.h"

namespace triune::compute {

/// Thread-safe: user code may have threads. Lives until the process ends, as buffers do that refer to shared memory. A
/// driver that makes no sense any more ends the process.
class DriverConnection final : public ValuePort {
 public:
  DriverConnection(Link link, shm::Segment memory) : link_(std::move(link)), memory_(std::move(memory)) {}
  DriverConnection(const DriverConnection&) = delete;
  DriverConnection& operator=(const DriverConnection&) = delete;

  using Bytes = std::vector<std::byte>;
  void Send(std::span<const std::byte> message);
  /// The driver is not woken for each, when more tasks wait here.
  void SendResult(std::span<const std::byte> message);
  /// Sends a message that begins with its kind and a number from NewRequest, and waits for the reply: what follows the
  /// kind and the number there. None when the deadline passed, or is_interrupted() became true, before.
  std::optional<Bytes> Request(
      uint64_t request, std::span<const std::byte> message, TimePoint deadline = kNever,
      bool (*is_interrupted)() = [] { return false; });
  uint64_t NewRequest();
  /// For an object that this process makes known to the driver.
  uint64_t NewHandle();
  /// Releases the handle when it goes.
  std::unique_ptr<detail::ReceivedObject::Origin> Keep(uint64_t handle);
  /// Writes what this process has given up since the last time.
  void WriteReleases(MessageWriter& message);
  /// InvalidArgument when a message is too long.
  Status CheckLength(std::span<const std::byte> message) const;
  /// Waits for the next kRun message; none when it is time to stop.
  std::optional<Bytes> NextTask();

  Result<PieceInBlock> Place(std::span<const std::byte> bytes) override;
  std::optional<PieceInBlock> Share(const Buffer& buffer) override;
  Result<Buffer> Open(const PieceInBlock& piece) override;
  Result<uint64_t> Refer(const detail::ObjectPointer& object, const detail::ValueCodec* codec) override;
  Result<std::shared_ptr<const detail::ReferenceSource>> References(std::vector<uint64_t> handles) override;

  /// A copy in shared memory, for this process first.
  Result<Buffer> Copy(std::span<const std::byte> bytes);

  /// For a value of a compiled DAG: another block in place of an old one, unless that is 0.
  Result<shm::Block> ExchangeDagBlock(uint64_t dag, uint64_t old, uint64_t bytes);
  Result<std::span<std::byte>> Memory(uint64_t offset, uint64_t bytes) const { return memory_.Slice(offset, bytes); }

  LinkPage& page() const { return link_.page(); }

 private:
  struct Lease;
  class KeptHandle;
  class HandleReferences;
  static void DropLease(void* lease);
  void Give(Release release);
  /// Waits until ready() is true, which is asked with the mutex locked, or the deadline.
  template <typename Ready>
  void Await(std::unique_lock<std::mutex>& lock, TimePoint deadline, bool (*is_interrupted)(), Ready ready);
  /// Takes in what has come, with the mutex locked.
  void Receive();
  void SendLocked(std::span<const std::byte> message, bool ring = true);

  std::mutex mutex_;
  std::condition_variable received_;
  bool somebody_looks_ = false;  ///< A thread that waits at the doorbell, without the mutex.
  Link link_;
  const shm::Segment memory_;
  bool stop_ = false;
  int results_unheard_ = 0;
  TimePoint last_ring_{};
  uint64_t last_request_ = 0;
  std::deque<Bytes> tasks_;
  std::unordered_map<uint64_t, Bytes> replies_;
  std::unordered_set<uint64_t> awaited_;  ///< Requests whose replies somebody waits for.
  std::atomic<uint64_t> last_handle_{0};
  std::mutex put_mutex_;
  std::mutex releases_mutex_;
  std::vector<Release> releases_;  ///< What this process needs no more.
};

}  // namespace triune::compute
