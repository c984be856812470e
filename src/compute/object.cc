#include "triune/core/detail/object.h"

#include "compute/spin.h"
#include "compute/task_error.h"
#include "triune/core/detail/reading.h"

namespace triune::detail {

bool ValueUser::TryUse(Object& object) noexcept { return !object.Add(nullptr, this); }

bool Object::Add(Waiter* waiter, ValueUser* user) noexcept {
  compute::Spinner spinner;
  uintptr_t state = waiters_.load(std::memory_order_acquire);
  while (true) {
    if ((state & kReady) != 0) {
      const bool is_freed = (state & kFreed) != 0;
      if (user == nullptr && !(is_freed && reconstructs())) return false;
      if (is_freed && !reconstructs()) {
        user->link_ = ValueUser::kCameTooLate;
        return false;
      }
      // What is freed and still in use need not be made again.
      if (!is_freed || state >= kOneUse) {
        const uintptr_t used = (state & ~kFreed) + (user != nullptr ? kOneUse : 0);
        if (!waiters_.compare_exchange_weak(state, used, std::memory_order_acq_rel, std::memory_order_acquire))
          continue;
        if (user != nullptr) user->link_ = ValueUser::kHasIt;
        return false;
      }
    } else if (waiter == nullptr) {
      return true;
    } else if ((state & kLocked) == 0) {
      const bool is_lost = state == kLost;
      waiter->link_ = is_lost ? 0 : state;
      const uintptr_t link = reinterpret_cast<uintptr_t>(waiter) | (user != nullptr ? kUses : 0);
      if (!waiters_.compare_exchange_weak(state, link, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
      if (is_lost) MakeAgain();
      return true;
    }
    // Somebody is at the list, or about to destroy the value.
    spinner.Pause();
    state = waiters_.load(std::memory_order_acquire);
  }
}

uintptr_t Object::Lock() noexcept {
  compute::Spinner spinner;
  uintptr_t list = waiters_.load(std::memory_order_relaxed);
  while (true) {
    if ((list & kReady) != 0) {
      std::ignore = waiters_.load(std::memory_order_acquire);
      return list;
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

bool Object::RemoveWaiter(Waiter& waiter) noexcept {
  uintptr_t list = Lock();
  if ((list & kReady) != 0) return false;
  bool found = false;
  for (uintptr_t* link = &list; WaiterOf(*link) != nullptr; link = &WaiterOf(*link)->link_) {
    if (WaiterOf(*link) == &waiter) {
      *link = std::exchange(waiter.link_, 0);
      found = true;
      break;
    }
  }
  waiters_.store(list, std::memory_order_release);
  return found;
}

void Object::SetReady() noexcept {
  uintptr_t nobody = 0;
  if (waiters_.compare_exchange_strong(nobody, kReady, std::memory_order_acq_rel, std::memory_order_relaxed)) return;
  uintptr_t list = Lock();
  assert((list & kReady) == 0);
  // In the order in which they came.
  uintptr_t in_order = 0;
  uintptr_t uses = 0;
  while (WaiterOf(list) != nullptr) {
    if ((list & kUses) != 0) uses += kOneUse;
    in_order = std::exchange(list, std::exchange(WaiterOf(list)->link_, in_order));
  }
  waiters_.store(kReady | uses, std::memory_order_release);
  while (in_order != 0) {
    Waiter& waiter = *WaiterOf(in_order);
    // Read first: the waiter may be gone afterwards.
    in_order = std::exchange(waiter.link_, (in_order & kUses) != 0 ? ValueUser::kHasIt : 0);
    waiter.OnReady(*this);
  }
}

bool Object::Free() noexcept {
  class User final : public ValueUser {
    void OnReady(Object&) noexcept override {}
  } user;
  if (!user.TryUse(*this)) return (waiters_.load(std::memory_order_acquire) & ~kLocked) == kLost;
  const bool has_something = user.has_value() && status_.ok() && (value_type() != typeid(void) || stored() != nullptr);
  if (has_something) waiters_.fetch_or(kFreed, std::memory_order_acq_rel);
  user.EndUse(*this);
  return true;
}

void Object::Drop() noexcept {
  // On a thread that is just copying the value, it stays as long as the object.
  const bool is_unread = Reading::WaitForOthers(*this);
  if (is_unread) DropValue();
  Status lost = is_unread ? Lost() : Object::Lost();
  if (lost.ok()) {
    waiters_.store(kLost, std::memory_order_release);
    return;
  }
  status_ = std::move(lost);
  waiters_.store(kReady, std::memory_order_release);
}

Status Object::Lost() noexcept {
  Task* const made_by = task();
  const std::string name = made_by == nullptr ? std::string() : made_by->Name();
  return compute::MakeError(ErrorKind::kObjectFreed, StatusCode::kNotFound,
                            name.empty() ? "the object was freed" : "the result of " + name + " was freed", name);
}

const Status& Object::FreedStatus() {
  static const Status status =
      compute::MakeError(ErrorKind::kObjectFreed, StatusCode::kNotFound, "the object was freed");
  return status;
}

}  // namespace triune::detail
