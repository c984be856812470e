// Coroutines as tasks and as methods of actors: what Ray calls asyncio actors.
//
//   class Fetcher {
//    public:
//     triune::Async<int> Sum(triune::ObjectRef<int> a, triune::ObjectRef<int> b) {
//       int x = co_await a;                        // gives the thread and the actor to others meanwhile
//       co_await triune::Sleep(std::chrono::milliseconds(10));
//       co_return x + co_await b;
//     }
//   };
//   triune::ObjectRef<int> sum = fetcher.Call(&Fetcher::Sum, r1, r2);
#pragma once

#include <coroutine>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "triune/core/detail/alarm.h"
#include "triune/core/detail/coroutine.h"
#include "triune/core/detail/object.h"
#include "triune/core/object_ref.h"
#include "triune/core/status_error.h"
#include "triune/status.h"
#include "triune/time.h"

namespace triune {

/// What a coroutine returns. It does nothing until it is awaited by another, once, or runs as a task: a function or a
/// method that returns Async<T> is a coroutine whose task has a T, or what that is a Result of. In it may be awaited
/// ObjectRefs, other Asyncs, AsResult, Sleep and WhenAll; nothing else.
///
/// While a coroutine is suspended its task has no thread, and lends its processors. A method's coroutine also gives up
/// the turn of its actor: other calls begin or go on, but never two at the same time. After `co_await` the actor may be
/// changed and the thread another one; a lock must not be held across it. Parameters that are references refer to the
/// arguments of the task, and live as long as it runs.
///
/// When the task is cancelled, what is awaited throws a StatusError (kTaskCancelled). When nobody waits for the
/// coroutine any more (its time is up, its actor was killed, Cancel with force), it does not go on: its variables are
/// destroyed. Move-only; thread-compatible.
template <typename T>
class [[nodiscard]] Async {
 public:
  static_assert(!std::is_reference_v<T>, "a coroutine gives a value");
  using Value = T;
  using promise_type = detail::AsyncPromiseOf<T>;

  Async(Async&& other) noexcept : promise_(std::exchange(other.promise_, nullptr)) {}
  Async& operator=(Async&& other) noexcept {
    std::swap(promise_, other.promise_);
    return *this;
  }
  ~Async() {
    if (promise_ != nullptr) promise_->Destroy();
  }

  /// False when moved from, or awaited.
  explicit operator bool() const noexcept { return promise_ != nullptr; }

  // For those who run it.
  explicit Async(promise_type& promise) noexcept : promise_(&promise) {}
  promise_type& promise() const noexcept { return static_cast<promise_type&>(*promise_); }
  detail::AsyncPromise* Release() noexcept { return std::exchange(promise_, nullptr); }
  detail::AsyncPromise** owned() noexcept { return &promise_; }

 private:
  detail::AsyncPromise* promise_;
};

/// `co_await AsResult(reference)` gives the error instead of throwing it: a Result<T>, or a Status where there is no
/// value.
template <typename T>
struct [[nodiscard]] AsResult {
  explicit AsResult(ObjectRef<T> awaited) : reference(std::move(awaited)) {}
  ObjectRef<T> reference;
};

/// `co_await Sleep(duration)`: others have the thread for so long, at least. With 0, all that could go on now come
/// first.
struct [[nodiscard]] Sleep {
  explicit Sleep(Duration time) : duration(time) {}
  Duration duration;
};

namespace detail {

[[noreturn]] void ThrowStatus(Status status);

/// Waits for an object.
class ObjectAwaiter : public Awaiter, public ValueUser {
 public:
  explicit ObjectAwaiter(const ObjectPointer& object) : object_(object) {
    if (!object_) throw std::invalid_argument("an empty reference was awaited");
  }
  bool await_ready() noexcept { return is_there_ = TryUse(*object_); }
  template <typename Promise>
  void await_suspend(std::coroutine_handle<Promise> at) noexcept {
    at.promise().run().Wait(*this);
  }

  Arming Arm(AsyncCall& call) noexcept override;
  bool Disarm() noexcept override;
  void Block() noexcept override;
  void OnReady(Object& object) noexcept override;

 protected:
  ~ObjectAwaiter() { EndUse(*object_); }
  /// OK when the object has its value.
  Status Outcome() const;
  void ThrowIfFailed() const {
    if (!is_there_ || !StatusOf(*object_).ok()) ThrowStatus(Outcome());
  }
  const void* value() const noexcept { return object_->value(); }

 private:
  const ObjectPointer object_;
  AsyncCall* call_ = nullptr;
  bool is_there_ = false;  ///< The value, or an error.
  Status failure_;         ///< Why it was not waited for.
};

template <typename T>
class ValueAwaiter final : public ObjectAwaiter {
 public:
  explicit ValueAwaiter(const ObjectRef<T>& reference) : ObjectAwaiter(reference.object()) {}
  T await_resume() const {
    ThrowIfFailed();
    if constexpr (!std::is_void_v<T>) return *static_cast<const T*>(value());
  }
};

template <typename T>
class ResultAwaiter final : public ObjectAwaiter {
 public:
  explicit ResultAwaiter(const AsResult<T>& awaited) : ObjectAwaiter(awaited.reference.object()) {}
  auto await_resume() const {
    if constexpr (std::is_void_v<T>) {
      return Outcome();
    } else {
      Status status = Outcome();
      return status.ok() ? Result<T>(*static_cast<const T*>(value())) : Result<T>(std::move(status));
    }
  }
};

class SleepAwaiter final : public Awaiter, public Alarm {
 public:
  explicit SleepAwaiter(const Sleep& sleep) : duration_(sleep.duration) {}
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  void await_suspend(std::coroutine_handle<Promise> at) noexcept {
    at.promise().run().Wait(*this);
  }
  void await_resume() const;

  Arming Arm(AsyncCall& call) noexcept override;
  bool Disarm() noexcept override;
  void Block() noexcept override;
  void OnTime() noexcept override;

 private:
  const Duration duration_;
  AsyncCall* call_ = nullptr;
  bool was_interrupted_ = false;
};

/// Runs another coroutine to its end.
template <typename T>
class AsyncAwaiter {
 public:
  explicit AsyncAwaiter(Async<T> child) : child_(std::move(child)) {
    if (!child_) throw std::invalid_argument("an empty Async was awaited, or one a second time");
  }
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  void await_suspend(std::coroutine_handle<Promise> at) noexcept {
    child_.promise().SetOwner(child_.owned());
    at.promise().run().Enter(child_.promise());
  }
  T await_resume() { return child_.promise().Take(); }

 private:
  Async<T> child_;
};

template <typename T>
struct AwaiterFor<ObjectRef<T>> {
  using Type = ValueAwaiter<T>;
};
template <typename T>
struct AwaiterFor<AsResult<T>> {
  using Type = ResultAwaiter<T>;
};
template <typename T>
struct AwaiterFor<Async<T>> {
  using Type = AsyncAwaiter<T>;
};
template <>
struct AwaiterFor<Sleep> {
  using Type = SleepAwaiter;
};

inline Async<void> AsyncPromiseOf<void>::get_return_object() noexcept {
  SetSelf(std::coroutine_handle<AsyncPromiseOf>::from_promise(*this));
  return Async<void>(*this);
}

}  // namespace detail

/// All values, in their order, when all are there. Throws the error of the first that has failed, in their order.
template <typename T>
  requires(!std::is_void_v<T>)
Async<std::vector<T>> WhenAll(std::vector<ObjectRef<T>> references) {
  std::vector<T> values;
  values.reserve(references.size());
  for (const ObjectRef<T>& reference : references) values.push_back(co_await reference);
  co_return values;
}
inline Async<void> WhenAll(std::vector<ObjectRef<void>> references) {
  for (const ObjectRef<void>& reference : references) co_await reference;
}
template <typename... T>
  requires(sizeof...(T) > 0 && (!std::is_void_v<T> && ...))
Async<std::tuple<T...>> WhenAll(ObjectRef<T>... references) {
  co_return std::tuple<T...>{co_await references...};
}

}  // namespace triune
