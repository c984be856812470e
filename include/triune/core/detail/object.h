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
  Waiter* next_ = nullptr;
};

/// A value, or the error that stands in its place, once it is ready; counted by its references. Thread-safe but for the
/// one who makes it ready.
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

  bool ready() const noexcept { return waiters_.load(std::memory_order_acquire) == kReady; }
  /// When ready: why there is no value; OK when there is one.
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
  bool AddWaiter(Waiter& waiter) noexcept;
  /// False when the waiter was called, or is being called on another thread.
  bool RemoveWaiter(Waiter& waiter) noexcept;

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

 private:
  static constexpr uintptr_t kLocked = 1;
  static constexpr uintptr_t kReady = 2;
  /// The list of waiters, latest first, without the lock; takes the lock. kReady is returned without taking it.
  uintptr_t Lock() noexcept;

  std::atomic<uint32_t> references_{1};

 protected:
  // For derived classes, where there would be padding.
  std::atomic<uint32_t> word_{0};

 private:
  std::atomic<uintptr_t> waiters_{0};
  Status status_;
};

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
