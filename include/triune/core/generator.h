// Functions with more than one result, one after the other.
//
//   triune::Generator<std::string> Lines(std::string path) {
//     std::ifstream file(path);
//     for (std::string line; std::getline(file, line);) co_yield line;
//   }
//
//   for (const std::string& line : Lines("a.txt")) ...                        // without a session, on this thread
//   triune::ObjectRefGenerator<std::string> lines = session.Submit(Lines, "a.txt");
//   for (triune::ObjectRef<std::string> line : lines) ...                     // each as soon as it is there
#pragma once

#include <coroutine>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "triune/core/detail/generator_frame.h"
#include "triune/core/detail/generator_stream.h"
#include "triune/core/object_ref.h"
#include "triune/status.h"
#include "triune/time.h"

namespace triune {

class Session;

/// The result of a coroutine that says `co_yield value`, any number of times. `co_yield` of a Status that is an error,
/// or a Result with one, is the end, and that error; so is an exception. As the task of a session it may go on on
/// another thread after each co_yield; there it must hold no lock. Parameters that are references refer to arguments
/// that the task keeps. GCC 12 miscompiles braces in the same expression as a co_yield (`co_yield F({.a = 1})`): a
/// variable must come before it there. Thread-compatible.
template <typename T>
class [[nodiscard]] Generator {
  static_assert(std::is_same_v<T, std::remove_cvref_t<T>> && std::is_move_constructible_v<T> &&
                    !std::is_same_v<T, Status>,
                "a generator yields values");

 public:
  class promise_type : public detail::GeneratorState {
   public:
    Generator get_return_object() { return Generator(std::coroutine_handle<promise_type>::from_promise(*this), *this); }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() {
      value = nullptr;
      throw;
    }
    template <typename U = T>
    std::suspend_always yield_value(U&& yielded) {
      using Plain = std::remove_cvref_t<U>;
      if constexpr (std::is_same_v<Plain, Status>) {
        status = std::forward<U>(yielded);
        if (status.ok()) status = InvalidArgument("a generator yielded a Status that is OK, in place of a value");
      } else if constexpr (std::is_constructible_v<T, U&&>) {
        value = &yielded_.emplace(std::forward<U>(yielded));
      } else {
        if (yielded.ok()) {
          value = &yielded_.emplace(*std::forward<U>(yielded));
        } else {
          status = std::forward<U>(yielded).status();
        }
      }
      return {};
    }
    /// A generator waits for nothing but its consumer; what a session is to wait for, it waits for with Get.
    template <typename U>
    std::suspend_never await_transform(U&&) = delete;

   private:
    std::optional<T> yielded_;
  };

  /// As a range, once. ++ throws what the body throws.
  class Iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    explicit Iterator(detail::GeneratorFrame& frame) : frame_(&frame) { ++*this; }
    T& operator*() const noexcept { return *static_cast<T*>(frame_->value()); }
    T* operator->() const noexcept { return &**this; }
    Iterator& operator++() {
      if (!frame_->Next()) frame_ = nullptr;
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& iterator, std::default_sentinel_t) noexcept {
      return iterator.frame_ == nullptr;
    }

   private:
    detail::GeneratorFrame* frame_ = nullptr;
  };
  Iterator begin() { return Iterator(frame_); }
  std::default_sentinel_t end() const noexcept { return {}; }
  /// The error that the range has ended with, if it was yielded; OK otherwise.
  const Status& status() const noexcept { return frame_.status(); }

  /// Without its type; the generator is empty then.
  detail::GeneratorFrame Release() && noexcept { return std::move(frame_); }

 private:
  Generator(std::coroutine_handle<> handle, detail::GeneratorState& state) : frame_(handle, state) {}
  detail::GeneratorFrame frame_;
};

/// What a task yields, as Submit and Call give it for functions that return Generator<T>. Each value is an object as
/// soon as it is yielded. So many wait here as TaskOptions::generator_backpressure says; then the function stops at its
/// co_yield until one is taken. Copies refer to the same values: each value is taken once. When the last of them goes
/// the task is cancelled. Empty when default-constructed or moved from. Thread-safe, once it is there.
template <typename T>
class ObjectRefGenerator {
 public:
  using Value = T;
  ObjectRefGenerator() = default;
  explicit ObjectRefGenerator(std::shared_ptr<detail::GeneratorReader> reader) : reader_(std::move(reader)) {}
  explicit operator bool() const noexcept { return reader_ != nullptr; }

  /// Waits for the next value, which is ready, and takes it. None at the end. The task's error where that failed, and
  /// from then on; kGetTimeout when nothing came within `timeout`.
  Result<std::optional<ObjectRef<T>>> Next(Duration timeout = Duration::max()) const {
    Result<detail::ObjectPointer> next = reader_->Next(timeout);
    if (!next.ok()) return std::move(next).status();
    if (!*next) return std::optional<ObjectRef<T>>();
    return std::optional<ObjectRef<T>>(ObjectRef<T>(*std::move(next)));
  }
  /// Whether Next would return at once.
  bool next_ready() const noexcept { return reader_->stream().next_ready(); }
  /// Ready when the function has ended, with its error if it failed. With more values than may wait it comes to that
  /// only while somebody takes them.
  ObjectRef<void> Completed() const { return ObjectRef<void>(reader_->Completed()); }

  /// As a range: each step is Next. An error comes as the last reference.
  class Iterator {
   public:
    using value_type = ObjectRef<T>;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    explicit Iterator(std::shared_ptr<detail::GeneratorReader> reader) : reader_(std::move(reader)) { ++*this; }
    const ObjectRef<T>& operator*() const noexcept { return current_; }
    const ObjectRef<T>* operator->() const noexcept { return &current_; }
    Iterator& operator++() {
      current_ = is_last_ ? ObjectRef<T>() : ObjectRef<T>(reader_->NextOrError(&is_last_));
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& iterator, std::default_sentinel_t) noexcept { return !iterator.current_; }

   private:
    std::shared_ptr<detail::GeneratorReader> reader_;
    ObjectRef<T> current_;
    bool is_last_ = false;
  };
  Iterator begin() const { return Iterator(reader_); }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  friend class Session;
  std::shared_ptr<detail::GeneratorReader> reader_;
};

}  // namespace triune
