// Waiting for another process.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "compute/spin.h"
#include "triune/time.h"

namespace triune::compute::shm {

/// The part of a doorbell that is shared; zeros are a good one. The lowest bit says that the one who waits sleeps, the
/// others count rings and sleeps, so that no two states that matter are the same.
struct alignas(64) DoorbellWord {
  std::atomic<uint32_t> word;
};
static_assert(std::atomic<uint32_t>::is_always_lock_free);

/// One waits for something that others do; they ring when they have done it. Who waits looks again and again for a
/// while, then sleeps; only those who ring while it sleeps make a system call. Any number of threads and processes may
/// ring; one at a time may wait. A process may be killed in the middle of Ring(): then the next ring wakes. When there
/// may be no next one, whoever sees it die rings for it.
///
/// The word is open to all workers: one gone astray can take the waking away. Who must bear that gives a deadline.
class Doorbell {
 public:
  /// How long it looks before it sleeps. A wake-up takes some 5 us of two processors; a task may be shorter.
  static constexpr Duration kDefaultSpin = std::chrono::microseconds(30);

  /// The word must outlive this.
  explicit Doorbell(DoorbellWord& word, Duration spin = kDefaultSpin) : word_(word.word), spin_(spin) {}

  /// After something that ready() of the waiting side looks for was done.
  void Ring() noexcept {
    // Why nothing is lost: this and the fetch_or of WaitUntil write the same word, so that one comes first. If this
    // does, that one reads what this has written, or later writes, and so ready() then sees what was done before it.
    // Otherwise this one sees the bit, and either the word has changed before the other is asleep in the kernel, which
    // then refuses to let it sleep, or it is woken.
    uint32_t before = word_.fetch_add(kOne, std::memory_order_acq_rel);
    if ((before & kSleeping) != 0) [[unlikely]]
      Wake(before + kOne);
  }

  /// True once ready() is, which is asked often; false when the deadline passed before.
  template <typename Ready>
  bool WaitUntil(Ready ready, TimePoint deadline = kNever) {
    if (ready()) return true;
    if (spin_ > Duration::zero() && Spin(ready, deadline)) return true;
    for (;;) {
      word_.fetch_add(kOne, std::memory_order_relaxed);
      uint32_t armed = word_.fetch_or(kSleeping, std::memory_order_acq_rel) | kSleeping;
      bool done = ready();
      bool in_time = done || Sleep(armed, deadline);
      word_.fetch_and(~kSleeping, std::memory_order_acq_rel);
      if (done || ready()) return true;
      if (!in_time) return false;
    }
  }

 private:
  static constexpr uint32_t kSleeping = 1;
  static constexpr uint32_t kOne = 2;

  template <typename Ready>
  bool Spin(Ready& ready, TimePoint deadline) {
    TimePoint end = std::min<TimePoint>(std::chrono::steady_clock::now() + spin_, deadline);
    Spinner spinner;
    do {
      spinner.Pause();
      if (ready()) return true;
    } while (std::chrono::steady_clock::now() < end);
    return false;
  }
  void Wake(uint32_t seen) noexcept;
  /// Until the word is another than `armed`, or woken, or for no reason; false when the deadline has passed.
  bool Sleep(uint32_t armed, TimePoint deadline) noexcept;

  std::atomic<uint32_t>& word_;
  Duration spin_;
};

}  // namespace triune::compute::shm
