// A coroutine that yields values, without its type.
#pragma once

#include <coroutine>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "triune/core/detail/object.h"
#include "triune/core/detail/put_object.h"
#include "triune/core/detail/received_object.h"
#include "triune/status.h"

namespace triune {

template <typename T>
class Generator;

}  // namespace triune

namespace triune::detail {

template <typename T>
struct IsGenerator : std::false_type {};
template <typename T>
struct IsGenerator<Generator<T>> : std::true_type {
  using Element = T;
};

/// What the promises of all generators have in common.
struct GeneratorState {
  void* value = nullptr;  ///< What was yielded last; null at the end.
  Status status{};        ///< The error that was yielded in place of a value, and is the end.
};

/// Owns the coroutine. Thread-compatible: it may go on on another thread each time.
class GeneratorFrame {
 public:
  GeneratorFrame() = default;
  GeneratorFrame(std::coroutine_handle<> handle, GeneratorState& state) noexcept : handle_(handle), state_(&state) {}
  GeneratorFrame(GeneratorFrame&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)), state_(std::exchange(other.state_, nullptr)) {}
  GeneratorFrame& operator=(GeneratorFrame&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(state_, other.state_);
    return *this;
  }
  ~GeneratorFrame() { Reset(); }

  explicit operator bool() const noexcept { return static_cast<bool>(handle_); }
  /// Goes on to the next value. False at the end: status() says whether that is an error. Throws what the body throws,
  /// which is the end as well.
  bool Next() {
    if (handle_.done() || !state_->status.ok()) return false;
    state_->value = nullptr;
    handle_.resume();
    return state_->value != nullptr;
  }
  /// After Next, until the next one. May be moved from.
  void* value() const noexcept { return state_->value; }
  const Status& status() const noexcept { return state_->status; }
  /// Destroys the coroutine, with all that it has.
  void Reset() noexcept {
    state_ = nullptr;
    if (handle_) std::exchange(handle_, nullptr).destroy();
  }

 private:
  std::coroutine_handle<> handle_;
  GeneratorState* state_ = nullptr;
};

/// The type of what is yielded.
struct GeneratorElement {
  const std::type_info* type;
  Object* (*make)(void* value);  ///< An object with the value, which is moved.
  ReceivedObject* (*make_received)();
};
template <typename T>
inline constexpr GeneratorElement kGeneratorElement{
    .type = &typeid(T),
    .make = [](void* value) -> Object* { return new PutObject<T>(std::move(*static_cast<T*>(value))); },
    .make_received = []() -> ReceivedObject* { return new TypedReceivedObject<T>(); },
};

}  // namespace triune::detail
