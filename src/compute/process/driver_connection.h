// A worker's way to its driver.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
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
class DriverConnection final : public PieceStore {
 public:
  DriverConnection(Link link, shm::Segment memory) : link_(std::move(link)), memory_(std::move(memory)) {}
  DriverConnection(const DriverConnection&) = delete;
  DriverConnection& operator=(const DriverConnection&) = delete;

  using Bytes = std::vector<std::byte>;
  void Send(std::span<const std::byte> message);
  /// The driver is not woken for each, when more tasks wait here.
  void SendResult(std::span<const std::byte> message);
  /// Sends a message that begins with its kind and a number from NewRequest, and waits for the reply: what follows the
  /// kind and the number there.
  Bytes Request(uint64_t request, std::span<const std::byte> message);
  uint64_t NewRequest();
  /// Blocks that this process has given up since the last time, for a message.
  std::vector<uint64_t> TakeDrops();
  /// Waits for the next kRun message; none when it is time to stop.
  std::optional<Bytes> NextTask();

  Result<PieceInBlock> Place(std::span<const std::byte> bytes) override;
  std::optional<PieceInBlock> Share(const Buffer& buffer) override;
  Result<Buffer> Open(const PieceInBlock& piece) override;

  LinkPage& page() const { return link_.page(); }

 private:
  struct Lease;
  static void Release(void* lease);
  /// Waits until ready() is true, which is asked with the mutex locked.
  template <typename Ready>
  void Await(std::unique_lock<std::mutex>& lock, Ready ready);
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
  std::mutex drops_mutex_;
  std::vector<uint64_t> drops_;  ///< Blocks that this process needs no more.
};

}  // namespace triune::compute
