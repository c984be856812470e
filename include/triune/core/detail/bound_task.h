// A task made from a function and its arguments.
#pragma once

#include <functional>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <variant>
#include <vector>

#include "triune/core/detail/async_call.h"
#include "triune/core/detail/generator_frame.h"
#include "triune/core/detail/names.h"
#include "triune/core/detail/task.h"
#include "triune/core/object_ref.h"

namespace triune::detail {

template <typename T>
struct IsObjectRef : std::false_type {};
template <typename T>
struct IsObjectRef<ObjectRef<T>> : std::true_type {};

template <typename T>
struct IsResult : std::false_type {};
template <typename T>
struct IsResult<Result<T>> : std::true_type {};

/// What a function's return type is the result of: Result<T> stands for T, Status for void, Async<T> for what T does.
template <typename T>
struct ResultOf {
  using Type = std::remove_cvref_t<T>;
};
template <typename T>
struct ResultOf<Result<T>> {
  using Type = T;
};
template <typename T>
struct ResultOf<Async<T>> : ResultOf<T> {};
template <>
struct ResultOf<Status> {
  using Type = void;
};
template <>
struct ResultOf<void> {
  using Type = void;
};
/// Its values are objects of their own.
template <typename T>
struct ResultOf<Generator<T>> {
  using Type = void;
};

/// An argument that was given by value.
template <typename T>
class Held {
 public:
  template <typename U>
  Held(Task&, U&& value) : value_(std::forward<U>(value)) {}
  void Await() noexcept {}
  void Release() noexcept {}
  void GiveUp() noexcept {}
  const Status* error() const noexcept { return nullptr; }
  ArgumentView View() const { return {.value = &value_, .type = &typeid(T)}; }
  /// For the last run; before it the function must find its arguments as they were given.
  T&& Move() { return std::move(value_); }
  const T& Look() const { return value_; }

 private:
  T value_;
};

/// An argument that is the value of an object.
template <typename T>
class Awaited {
 public:
  Awaited(Task& task, const ObjectRef<T>& reference) : dependency_(task, reference.object()) {}
  void Await() noexcept { dependency_.Await(); }
  void Release() noexcept { dependency_.Release(); }
  void GiveUp() noexcept { dependency_.GiveUp(); }
  const Status* error() const noexcept {
    const Status& status = dependency_.status();
    return status.ok() ? nullptr : &status;
  }
  ArgumentView View() const {
    return {.value = dependency_.object().value(), .type = &typeid(T), .object = &dependency_.object()};
  }
  const T& Move() const { return Look(); }
  const T& Look() const { return *static_cast<const T*>(dependency_.object().value()); }

 private:
  Dependency dependency_;
};

/// An argument that is there to be waited for.
template <>
class Awaited<void> {
 public:
  Awaited(Task& task, const ObjectRef<void>& reference) : dependency_(task, reference.object()) {}
  void Await() noexcept { dependency_.Await(); }
  void Release() noexcept { dependency_.Release(); }
  void GiveUp() noexcept { dependency_.GiveUp(); }
  const Status* error() const noexcept {
    const Status& status = dependency_.status();
    return status.ok() ? nullptr : &status;
  }
  ArgumentView View() const {
    static constexpr std::monostate kNothing;
    return {.value = &kNothing, .type = &typeid(std::monostate), .object = &dependency_.object()};
  }
  std::monostate Move() const { return {}; }
  std::monostate Look() const { return {}; }

 private:
  Dependency dependency_;
};

/// How an argument is kept: as what the parameter wants, or, when that is not known (void), as it is. An object stands
/// for its value, unless the function wants the reference itself.
template <typename Parameter, typename Argument>
struct StoredAs {
  using Type = Held<std::decay_t<std::conditional_t<std::is_void_v<Parameter>, Argument, Parameter>>>;
};
template <typename Parameter, typename T>
  requires(!IsObjectRef<std::remove_cvref_t<Parameter>>::value)
struct StoredAs<Parameter, ObjectRef<T>> {
  using Type = Awaited<T>;
};

/// Whether a function takes its arguments as they are looked at, and so can be called again.
template <typename Function, typename... Stored>
inline constexpr bool kRepeatable = std::is_invocable_v<Function&, decltype(std::declval<Stored&>().Look())...>;

template <typename Function, typename... Stored>
struct CallResult : std::invoke_result<Function&, decltype(std::declval<Stored&>().Move())...> {};
template <typename Function, typename... Stored>
  requires kRepeatable<Function, Stored...>
struct CallResult<Function, Stored...> : std::invoke_result<Function&, decltype(std::declval<Stored&>().Look())...> {};

template <typename Function, typename... Stored>
inline constexpr bool kIsCoroutine =
    IsAsync<std::remove_cvref_t<typename CallResult<Function, Stored...>::type>>::value;

/// `Base` is Task, or what an actor makes of it.
template <typename Base, typename Function, typename R, typename... Stored>
class BoundTask final : public std::conditional_t<kIsCoroutine<Function, Stored...>, CoroutineTask<Base>, Base> {
  using Parent = std::conditional_t<kIsCoroutine<Function, Stored...>, CoroutineTask<Base>, Base>;

 public:
  /// `base`: what the base's constructor wants.
  template <typename... OfBase, typename... Arguments>
  explicit BoundTask(std::tuple<OfBase...> base, Function function, Arguments&&... arguments)
      : BoundTask(std::index_sequence_for<OfBase...>(), base, std::move(function)) {
    arguments_.Emplace(Init<Stored, Arguments>{*this, arguments}...);
    this->has_arguments_ = true;
  }

  void* value() noexcept override {
    if constexpr (std::is_void_v<R>) {
      return nullptr;
    } else {
      return &value_.get();
    }
  }

 private:
  /// Constructs an argument in its place inside the tuple: it may not move.
  template <typename S, typename A>
  struct Init {
    Task& task;
    A& argument;
    operator S() { return S(task, std::forward<A>(argument)); }
  };

  template <size_t... I, typename... OfBase>
  BoundTask(std::index_sequence<I...>, std::tuple<OfBase...>& base, Function function)
      : Parent(std::forward<OfBase>(std::get<I>(base))...), function_(std::move(function)) {
    this->has_arguments_ = false;  // the destructor runs from here on, should an argument throw
  }
  ~BoundTask() override {
    if (this->has_arguments_) {
      std::apply([](Stored&... stored) { (stored.GiveUp(), ...); }, arguments_.get());
      arguments_.Destroy();
    }
    if constexpr (!std::is_void_v<R>) {
      if (this->has_value_) value_.Destroy();
    }
  }

  void AwaitArguments() noexcept override {
    if (!this->has_arguments_) return;  // abandoned
    std::apply([](Stored&... stored) { (stored.Await(), ...); }, arguments_.get());
  }
  const Status* ArgumentError() const noexcept override {
    return std::apply(
        [&](const Stored&... stored) {
          const Status* error = nullptr;
          ((error = error != nullptr ? error : stored.error()), ...);
          return error;
        },
        arguments_.get());
  }
  Status Invoke(bool last) override {
    return std::apply(
        [&](Stored&... stored) -> Status {
          if constexpr (kRepeatable<Function, Stored...>) {
            if (!last) return Keep([&]() -> decltype(auto) { return std::invoke(function_, stored.Look()...); });
          }
          return Keep([&]() -> decltype(auto) { return std::invoke(function_, stored.Move()...); });
        },
        arguments_.get());
  }
  void DropArguments() noexcept override {
    if constexpr (requires { typename Base::Element; }) this->DropFrame();  // it may refer to them
    if (!std::exchange(this->has_arguments_, false)) return;
    arguments_.Destroy();
  }
  void ReleaseArguments() noexcept override {
    if (!this->has_arguments_) return;
    std::apply([](Stored&... stored) { (stored.Release(), ...); }, arguments_.get());
  }
  void DropValue() noexcept override {
    if constexpr (!std::is_void_v<R>) {
      if (std::exchange(this->has_value_, false)) value_.Destroy();
    }
  }
  /// Not when an argument must be moved into the function: it would be gone for the next try.
  bool repeatable() const noexcept override { return kRepeatable<Function, Stored...>; }
  std::string FunctionName() const override { return NameOfFunction(function_); }

  RemoteKey Remote() const override {
    if constexpr (std::is_pointer_v<Function>) {
      return RemoteKeyOf(function_);
    } else if constexpr (requires { function_.Remote(); }) {
      return function_.Remote();
    } else {
      return {};
    }
  }
  std::vector<ArgumentView> Arguments() const override {
    return std::apply([](const Stored&... stored) { return std::vector<ArgumentView>{stored.View()...}; },
                      arguments_.get());
  }
  const std::type_info& value_type() const noexcept override { return typeid(R); }
  void* place_for_value() noexcept override {
    if constexpr (std::is_void_v<R>) {
      return nullptr;
    } else {
      return &value_;
    }
  }

  template <typename Call>
  Status Keep(Call&& call) {
    using Returned = std::remove_cvref_t<decltype(call())>;
    if constexpr (std::is_void_v<decltype(call())>) {
      call();
      return {};
    } else if constexpr (std::is_same_v<Returned, Status>) {
      return call();
    } else if constexpr (IsGenerator<Returned>::value) {
      static_assert(
          requires { typename Base::Element; }, "a generator can't be a node of a DAG");
      return this->Drive(call().Release());
    } else if constexpr (IsAsync<Returned>::value) {
      return this->call_.Begin(call().Release(), [](Task& task, AsyncPromise& root) {
        return static_cast<BoundTask&>(task).Keep(
            [&] { return static_cast<typename Returned::promise_type&>(root).Take(); });
      });
    } else if constexpr (IsResult<Returned>::value) {
      Returned result = call();
      if (!result.ok()) return std::move(result).status();
      value_.Emplace(*std::move(result));
      this->has_value_ = true;
      return {};
    } else {
      value_.Emplace(call());
      this->has_value_ = true;
      return {};
    }
  }

  [[no_unique_address]] Function function_;
  [[no_unique_address]] Slot<std::tuple<Stored...>> arguments_;
  [[no_unique_address]] Slot<R> value_;
};

}  // namespace triune::detail
