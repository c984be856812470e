#include "compute/shm/doorbell.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace triune::compute::shm {

namespace {

// Not of the private kind: the processes have the word at different addresses.
long Futex(std::atomic<uint32_t>& word, int operation, uint32_t value, const timespec* deadline) {
  return syscall(SYS_futex, &word, operation, value, deadline, nullptr, FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

void Doorbell::Wake(uint32_t seen) noexcept {
  Futex(word_, FUTEX_WAKE, 1, nullptr);
  // So that others need not wake it, too, before it has come to its senses. Not before the call: who is killed between
  // the two would leave it asleep. Not if the word has changed since, for then it may sleep again.
  word_.compare_exchange_strong(seen, seen & ~kSleeping, std::memory_order_acq_rel, std::memory_order_relaxed);
}

bool Doorbell::Sleep(uint32_t armed, TimePoint deadline) noexcept {
  // FUTEX_WAIT_BITSET takes a point in time, of the clock that steady_clock is.
  using std::chrono::nanoseconds;
  using std::chrono::seconds;
  auto since_boot = deadline.time_since_epoch();
  if (since_boot < nanoseconds::zero()) since_boot = nanoseconds::zero();
  auto whole = std::chrono::duration_cast<seconds>(since_boot);
  timespec at{.tv_sec = whole.count(), .tv_nsec = nanoseconds(since_boot - whole).count()};
  long result = Futex(word_, FUTEX_WAIT_BITSET, armed, deadline == kNever ? nullptr : &at);
  return result == 0 || errno != ETIMEDOUT;
}

}  // namespace triune::compute::shm
