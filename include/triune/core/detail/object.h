// The cell that the value of an object lives in, and who waits for it.
#pragma once

#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "triune/core/detail/pool.h"
#include "triune/status.h"

namespace triune::detail {

class Object;
class ReceivedObject;
class Task;
struct StoredValue;

/// Is told once that an object is ready.
class Waiter {
 public:
  /// On the thread that made the object ready. Must be short. The waiter may be gone when this returns.
  virtual void OnReady(Object& object) noexcept = 0;

 protected:
  ~Waiter() = default;

 private:
  friend class Object;
  friend class ValueUser;
  uintptr_t link_ = 0;  ///< The next one in the list; of a ValueUser that is in none, whether it has the value.
};

/// A waiter that uses the value: from when the object is ready until EndUse, Free leaves the value where it is. Of one
/// thread at a time.
class ValueUser : public Waiter {
 public:
  /// Once, when it is not in the list any more; may be called again then.
  inline void EndUse(Object& object) noexcept;
  /// When the object is ready: why it has no value, to this user.
  inline const Status& StatusOf(const Object& object) const noexcept;
  /// As AddUser, but is not put into the list: false when the object is not ready.
  bool TryUse(Object& object) noexcept;
  /// Of no object that it waits for.
  bool has_value() const noexcept { return link_ == kHasIt; }

 protected:
  ~ValueUser() = default;

 private:
  friend class Object;
  static constexpr uintptr_t kHasIt = 1;
  static constexpr uintptr_t kCameTooLate = 2;  ///< Others use it still, but it was freed.
};

/// A value, or the error that stands in its place, once it is ready; counted by its references. Thread-safe but for the
/// one who makes it ready.
///
/// A value can be freed while there are references. Who looks at one must therefore say so: tasks for which it is an
/// argument are ValueUsers, who only copies it does that inside of a Reading. It goes when the last of those is done
/// with it. Then the object is an error, or, when its value can be made again, not ready, and becomes so when somebody
/// waits for it.
class Object {
 public:
  Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  void Ref() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void Unref() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  /// False when it is going.
  bool TryRef() noexcept {
    uint32_t references = references_.load(std::memory_order_relaxed);
    while (references != 0) {
      if (references_.compare_exchange_weak(references, references + 1, std::memory_order_acq_rel)) return true;
    }
    return false;
  }
  /// How many refer to it now.
  uint32_t references() const noexcept { return references_.load(std::memory_order_relaxed); }
  /// Whether the caller's reference is the only one.
  bool unshared() const noexcept { return references_.load(std::memory_order_acquire) == 1; }

  bool ready() const noexcept { return (waiters_.load(std::memory_order_acquire) & kReady) != 0; }
  /// Ready, and not freed. Stays so for a user, and inside of a Reading.
  bool usable() const noexcept { return (waiters_.load(std::memory_order_acquire) & (kReady | kFreed)) == kReady; }
  /// When usable: why there is no value; OK when there is one.
  const Status& status() const { return status_; }
  /// The task that makes the value; null when there is none.
  virtual Task* task() noexcept { return nullptr; }
  /// When ready, and status() is OK. Null for void.
  virtual void* value() noexcept { return nullptr; }
  /// Of value(); void where there is none.
  virtual const std::type_info& value_type() const noexcept { return typeid(void); }
  /// When ready: the value as bytes, where it is kept so. Then value() is null.
  virtual const StoredValue* stored() const noexcept { return nullptr; }
  /// Itself, when its value comes from another process.
  virtual ReceivedObject* received() noexcept { return nullptr; }

  /// False, and the waiter is not taken, when the object is ready.
  bool AddWaiter(Waiter& waiter) noexcept { return Add(&waiter, nullptr); }
  /// The same for one that uses the value: when ready it has it from here on, unless that was freed.
  bool AddUser(ValueUser& user) noexcept { return Add(&user, &user); }
  /// False when the waiter was called, or is being called on another thread.
  bool RemoveWaiter(Waiter& waiter) noexcept;

  /// Gives the value back as soon as nobody uses it. False when the object is not ready.
  bool Free() noexcept;
  /// What stands for the value of an object that was freed, while others use it still.
  static const Status& FreedStatus();

  /// By the one who made the value: once, for good.
  void SetReady() noexcept;
  void SetReady(Status error) noexcept {
    status_ = std::move(error);
    SetReady();
  }

  static void* operator new(size_t size) { return Pool::Allocate(size); }
  static void operator delete(void* memory, size_t size) noexcept { Pool::Free(memory, size); }
  static void* operator new(size_t, void* place) noexcept { return place; }

 protected:
  virtual ~Object() = default;
  /// Not ready any more. Only while nobody else knows of the object.
  void Renew() noexcept {
    waiters_.store(0, std::memory_order_relaxed);
    if (!status_.ok()) status_ = Status();
  }
  /// Whether a value that was freed can come again. Always the same.
  virtual bool reconstructs() const noexcept { return false; }
  /// Destroys the value: nobody uses it.
  virtual void DropValue() noexcept {}
  /// It was dropped: why it is no more; OK when MakeAgain can be called.
  virtual Status Lost() noexcept;
  /// Somebody waits for a value that was dropped. It, or an error, is to be there soon.
  virtual void MakeAgain() noexcept {}

 private:
  friend class ValueUser;
  // Before it is ready the word is the list of waiters, latest first; each link may say kUses. When ready: who uses the
  // value, counted in kOneUse.
  static constexpr uintptr_t kLocked = 1;
  static constexpr uintptr_t kReady = 2;
  static constexpr uintptr_t kUses = 4;   ///< In a link: it is to a ValueUser.
  static constexpr uintptr_t kLost = 4;   ///< Not ready, and nobody is at it: MakeAgain with the first waiter.
  static constexpr uintptr_t kFreed = 4;  ///< When ready: the value goes with the last use.
  static constexpr uintptr_t kOneUse = 8;
  static Waiter* WaiterOf(uintptr_t link) noexcept {
    return reinterpret_cast<Waiter*>(link & ~uintptr_t{7});  // NOLINT(performance-no-int-to-ptr)
  }
  /// False when it is ready; else the waiter, unless null, is in the list. `user`: the waiter, when it is one.
  bool Add(Waiter* waiter, ValueUser* user) noexcept;
  /// Takes the lock, and returns the list without it. When ready, nothing is locked.
  uintptr_t Lock() noexcept;
  void EndUse() noexcept {
    const uintptr_t before = waiters_.fetch_sub(kOneUse, std::memory_order_acq_rel);
    if ((before & kFreed) != 0 && before / kOneUse == 1) [[unlikely]]
      Drop();
  }
  /// Freed, and without uses.
  void Drop() noexcept;

  std::atomic<uint32_t> references_{1};

 protected:
  // For derived classes, where there would be padding.
  std::atomic<uint32_t> word_{0};

 private:
  std::atomic<uintptr_t> waiters_{0};
  Status status_;
};

void ValueUser::EndUse(Object& object) noexcept {
  if (std::exchange(link_, 0) == kHasIt) object.EndUse();
}
const Status& ValueUser::StatusOf(const Object& object) const noexcept {
  return link_ == kCameTooLate ? Object::FreedStatus() : object.status();
}

/// A counted reference.
template <typename T>
class Pointer {
 public:
  Pointer() = default;
  /// Takes over a reference that is counted already.
  static Pointer Adopt(T* object) noexcept {
    Pointer pointer;
    pointer.object_ = object;
    return pointer;
  }
  explicit Pointer(T* object) noexcept : object_(object) {
    if (object_ != nullptr) object_->Ref();
  }
  Pointer(const Pointer& other) noexcept : Pointer(other.object_) {}
  Pointer(Pointer&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <typename U>
    requires std::is_convertible_v<U*, T*>
  Pointer(Pointer<U> other) noexcept : object_(other.Release()) {}
  Pointer& operator=(Pointer other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Pointer() {
    if (object_ != nullptr) object_->Unref();
  }

  T* get() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  T* Release() noexcept { return std::exchange(object_, nullptr); }

 private:
  T* object_ = nullptr;
};

using ObjectPointer = Pointer<Object>;

/// A use for as long as this is there, of an object that nobody waits for. Thread-compatible.
class ObjectUse final : private ValueUser {
 public:
  explicit ObjectUse(ObjectPointer object) noexcept : object_(std::move(object)), ready_(TryUse(*object_)) {}
  ~ObjectUse() { EndUse(*object_); }
  ObjectUse(const ObjectUse&) = delete;
  ObjectUse& operator=(const ObjectUse&) = delete;
  /// False when there is neither a value nor an error: it is not ready, or its value is to be made again.
  bool ready() const noexcept { return ready_; }
  /// When ready.
  const Status& status() const noexcept { return StatusOf(*object_); }
  Object& object() const noexcept { return *object_; }

 private:
  void OnReady(Object&) noexcept override {}
  const ObjectPointer object_;
  const bool ready_;
};

/// Room for a T that is constructed later, or never.
template <typename T>
class Slot {
 public:
  template <typename... Arguments>
  T& Emplace(Arguments&&... arguments) {
    return *new (memory_) T(std::forward<Arguments>(arguments)...);
  }
  T& get() noexcept { return *std::launder(reinterpret_cast<T*>(memory_)); }
  const T& get() const noexcept { return *std::launder(reinterpret_cast<const T*>(memory_)); }
  void Destroy() noexcept { get().~T(); }

 private:
  alignas(T) std::byte memory_[sizeof(T)];
};
template <>
class Slot<void> {};

}  // namespace triune::detail
