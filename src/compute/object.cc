#include "triune/core/detail/object.h"

#include "compute/spin.h"

namespace triune::detail {

uintptr_t Object::Lock() noexcept {
  compute::Spinner spinner;
  uintptr_t list = waiters_.load(std::memory_order_relaxed);
  while (true) {
    if (list == kReady) {
      std::ignore = waiters_.load(std::memory_order_acquire);
      return kReady;
    }
    if ((list & kLocked) == 0 &&
        waiters_.compare_exchange_weak(list, list | kLocked, std::memory_order_acquire, std::memory_order_relaxed)) {
      return list;
    }
    if ((list & kLocked) != 0) {
      spinner.Pause();
      list = waiters_.load(std::memory_order_relaxed);
    }
  }
}

bool Object::AddWaiter(Waiter& waiter) noexcept {
  uintptr_t list = Lock();
  if (list == kReady) return false;
  waiter.next_ = reinterpret_cast<Waiter*>(list);  // NOLINT(performance-no-int-to-ptr)
  waiters_.store(reinterpret_cast<uintptr_t>(&waiter), std::memory_order_release);
  return true;
}

bool Object::RemoveWaiter(Waiter& waiter) noexcept {
  uintptr_t list = Lock();
  if (list == kReady) return false;
  auto* head = reinterpret_cast<Waiter*>(list);  // NOLINT(performance-no-int-to-ptr)
  bool found = false;
  for (Waiter** link = &head; *link != nullptr; link = &(*link)->next_) {
    if (*link == &waiter) {
      *link = waiter.next_;
      found = true;
      break;
    }
  }
  waiters_.store(reinterpret_cast<uintptr_t>(head), std::memory_order_release);
  return found;
}

void Object::SetReady() noexcept {
  uintptr_t nobody = 0;
  if (waiters_.compare_exchange_strong(nobody, kReady, std::memory_order_acq_rel, std::memory_order_relaxed)) return;
  uintptr_t list = Lock();
  assert(list != kReady);
  waiters_.store(kReady, std::memory_order_release);
  // In the order in which they came.
  Waiter* in_order = nullptr;
  for (auto* waiter = reinterpret_cast<Waiter*>(list); waiter != nullptr;) {  // NOLINT(performance-no-int-to-ptr)
    Waiter* next = waiter->next_;
    waiter->next_ = in_order;
    in_order = waiter;
    waiter = next;
  }
  while (in_order != nullptr) {
    Waiter* next = in_order->next_;  // read first: the waiter may be gone afterwards
    in_order->OnReady(*this);
    in_order = next;
  }
}

}  // namespace triune::detail
