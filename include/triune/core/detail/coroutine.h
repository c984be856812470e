// What coroutines have in common, and those who run them.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "triune/core/detail/pool.h"

namespace triune {

template <typename T>
class Async;

}  // namespace triune

namespace triune::detail {

class AsyncCall;
class AsyncPromise;

template <typename T>
struct IsAsync : std::false_type {};
template <typename T>
struct IsAsync<Async<T>> : std::true_type {};

/// How `co_await` waits for such a thing: Type.
template <typename Awaited>
struct AwaiterFor {
  static_assert(sizeof(Awaited) == 0, "a coroutine awaits ObjectRefs, Asyncs, AsResult, Sleep and WhenAll only");
};

/// Something that a coroutine waits for. Lies in its frame.
class Awaiter {
 public:
  enum class Arming {
    kThere,   ///< There is nothing to wait for: nobody will call.
    kArmed,   ///< Fire of the call comes, or has come already; but not after Disarm.
    kYields,  ///< As kThere, but others come first.
  };
  virtual Arming Arm(AsyncCall& call) noexcept = 0;
  /// False when Fire was called, or is being called on another thread.
  virtual bool Disarm() noexcept = 0;
  /// Instead of both: waits, on this thread.
  virtual void Block() noexcept = 0;

 protected:
  ~Awaiter() = default;
};

/// A coroutine with those that it awaits, on whatever thread has it. What the coroutines do at their suspension points
/// is only noted here, and done when they have returned: no stack grows with their number. Thread-compatible.
class CoroutineRun {
 public:
  CoroutineRun() = default;
  CoroutineRun(const CoroutineRun&) = delete;
  CoroutineRun& operator=(const CoroutineRun&) = delete;

  // By the innermost coroutine, when it is suspended:
  void Enter(AsyncPromise& child) noexcept;
  void Leave() noexcept;
  void Wait(Awaiter& awaiter) noexcept { awaiter_ = &awaiter; }

 protected:
  ~CoroutineRun() = default;
  void Adopt(AsyncPromise& root) noexcept;
  /// Until all of it is over: true, or it waits for awaiter().
  bool Advance() noexcept;
  Awaiter& awaiter() const noexcept { return *awaiter_; }
  /// All that have begun and are not over, innermost first.
  void DestroyAll() noexcept;

 private:
  AsyncPromise* innermost_ = nullptr;
  Awaiter* awaiter_ = nullptr;
};

/// Of a coroutine that returns Async. Begins only when it is awaited, or run.
class AsyncPromise {
 public:
  AsyncPromise(const AsyncPromise&) = delete;
  AsyncPromise& operator=(const AsyncPromise&) = delete;

  static void* operator new(size_t size) { return Pool::Allocate(size); }
  static void operator delete(void* frame, size_t size) noexcept { Pool::Free(frame, size); }

  std::suspend_always initial_suspend() const noexcept { return {}; }
  struct FinalSuspend {
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    void await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      ended.promise().run().Leave();
    }
    void await_resume() const noexcept {}
  };
  FinalSuspend final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { exception_ = std::current_exception(); }

  template <typename Awaited>
  auto await_transform(Awaited&& awaited) {
    return typename AwaiterFor<std::remove_cvref_t<Awaited>>::Type(std::forward<Awaited>(awaited));
  }

  CoroutineRun& run() const noexcept { return *run_; }
  void Destroy() noexcept { self_.destroy(); }
  /// Whoever has the coroutine forgets it when it is destroyed by others.
  void SetOwner(AsyncPromise** owner) noexcept { owner_ = owner; }

 protected:
  AsyncPromise() = default;
  ~AsyncPromise() = default;
  void SetSelf(std::coroutine_handle<> self) noexcept { self_ = self; }
  void RethrowIfFailed() const {
    if (exception_ != nullptr) std::rethrow_exception(exception_);
  }

 private:
  friend class CoroutineRun;
  std::coroutine_handle<> self_;
  CoroutineRun* run_ = nullptr;
  AsyncPromise* parent_ = nullptr;  ///< That awaits it.
  AsyncPromise** owner_ = nullptr;
  std::exception_ptr exception_;
};

template <typename T>
class AsyncPromiseOf final : public AsyncPromise {
 public:
  Async<T> get_return_object() noexcept {
    SetSelf(std::coroutine_handle<AsyncPromiseOf>::from_promise(*this));
    return Async<T>(*this);
  }
  template <typename U = T>
    requires std::is_convertible_v<U&&, T>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  /// When it is over: its value, or throws what it has thrown.
  T Take() {
    RethrowIfFailed();
    return *std::move(value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class AsyncPromiseOf<void> final : public AsyncPromise {
 public:
  Async<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void Take() const { RethrowIfFailed(); }
};

/// Runs a coroutine on this thread, which waits wherever it does.
void RunToEnd(AsyncPromise& root) noexcept;
template <typename Coroutine>
typename Coroutine::Value RunToEnd(Coroutine coroutine) {
  RunToEnd(coroutine.promise());
  return coroutine.promise().Take();
}

}  // namespace triune::detail
