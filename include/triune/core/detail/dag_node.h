// A node of a DAG: what it calls, with which arguments.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "triune/core/detail/actor.h"
#include "triune/core/detail/bound_task.h"
#include "triune/core/detail/engine.h"
#include "triune/core/detail/names.h"
#include "triune/core/object_ref.h"
#include "triune/core/task_options.h"

namespace triune {

template <typename T>
class DagNode;
template <typename T>
class InputNode;

namespace detail {

/// What there is to know of a type in order to keep a value of it somewhere.
struct ValueType {
  const std::type_info& type;
  size_t size;
  size_t alignment;
  bool copyable;
  void (*destroy)(void*);  ///< Null: nothing to do.
};
template <typename T>
void DestroyValueOf(void* value) {
  static_cast<T*>(value)->~T();
}
template <typename T>
const ValueType& ValueTypeOf() {
  if constexpr (std::is_void_v<T>) {
    static constexpr ValueType kVoid{typeid(void), 0, 1, true, nullptr};
    return kVoid;
  } else {
    static constexpr ValueType kValue{typeid(T), sizeof(T), alignof(T), std::is_copy_constructible_v<T>,
                                      std::is_trivially_destructible_v<T> ? nullptr : &DestroyValueOf<T>};
    return kValue;
  }
}

/// An argument of a node, for those who send it to another process.
struct NodeArgumentView {
  static constexpr size_t kNoNode = SIZE_MAX;
  size_t node = kNoNode;  ///< Which of the nodes among the arguments it is.
  ArgumentView view{};    ///< Else its value, once the objects are ready.
};

/// An input, or a call; immutable once it is bound, and counted. Its arguments were bound before it, so that there are
/// no circles. Thread-safe.
class DagNodeCore {
 public:
  static constexpr size_t kNoInput = SIZE_MAX;

  explicit DagNodeCore(const ValueType& value, size_t input = kNoInput);
  DagNodeCore(const DagNodeCore&) = delete;
  DagNodeCore& operator=(const DagNodeCore&) = delete;
  void Ref() const noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void Unref() const noexcept;

  /// Of what it gives.
  const ValueType& value() const noexcept { return value_; }
  /// Which of the inputs it is; kNoInput: a call.
  size_t input() const noexcept { return input_; }
  /// Greater than those of all nodes that were bound before.
  uint64_t serial() const noexcept { return serial_; }
  /// The nodes among the arguments.
  std::span<const Pointer<const DagNodeCore>> arguments() const noexcept { return arguments_; }
  /// The objects among the arguments, for whose values they stand.
  std::span<const ObjectPointer> objects() const noexcept { return objects_; }
  /// Null: the default ones.
  const std::shared_ptr<const TaskOptions>& options() const noexcept { return options_; }
  /// For people: the option, or the function's own.
  std::string Name() const;

  // Of calls:

  /// Whose method it is; null for a function.
  virtual ActorCore* actor() const noexcept { return nullptr; }
  /// As a task. `arguments`: objects for the nodes among them.
  virtual ObjectPointer Submit(Engine&, std::span<const ObjectPointer>) const { return {}; }
  /// Calls the function, on this thread, and constructs its value at `value` if it succeeds. `arguments`: the values of
  /// the nodes among them. All objects are ready. Throws what the function throws.
  virtual Status Invoke(const void* const*, void*) const { return {}; }
  virtual std::string FunctionName() const { return {}; }
  /// What its function is known by in other processes; empty when it has no name.
  virtual RemoteKey Remote() const { return {}; }
  virtual std::vector<NodeArgumentView> Views() const { return {}; }

  // While it is bound:

  size_t AddArgument(Pointer<const DagNodeCore> node);
  size_t AddObject(ObjectPointer object);

 protected:
  virtual ~DagNodeCore();
  void SetOptions(std::shared_ptr<const TaskOptions> options) { options_ = std::move(options); }

 private:
  mutable std::atomic<uint32_t> references_{1};
  const uint64_t serial_;
  const ValueType& value_;
  const size_t input_;
  std::vector<Pointer<const DagNodeCore>> arguments_;
  std::vector<ObjectPointer> objects_;
  std::shared_ptr<const TaskOptions> options_;
};
using DagNodePointer = Pointer<const DagNodeCore>;

/// The arguments of a node, as they are kept: each can be looked at, and given to a task.

template <typename T>
class NodeArgument {
 public:
  static_assert(!std::is_void_v<T>, "a node without a value can't be an argument");
  using InTask = Awaited<T>;
  NodeArgument(DagNodeCore& node, const DagNode<T>& argument) : index_(node.AddArgument(argument.core())) {}
  const T& Look(const DagNodeCore&, const void* const* values) const { return *static_cast<const T*>(values[index_]); }
  ObjectRef<T> ForTask(const DagNodeCore&, std::span<const ObjectPointer> objects) const {
    return ObjectRef<T>(objects[index_]);
  }
  NodeArgumentView View(const DagNodeCore&) const { return {.node = index_}; }

 private:
  size_t index_;
};

template <typename T>
class ObjectArgument {
 public:
  static_assert(!std::is_void_v<T>, "a task without a value can't be an argument");
  using InTask = Awaited<T>;
  ObjectArgument(DagNodeCore& node, const ObjectRef<T>& argument) : index_(node.AddObject(argument.object())) {}
  const T& Look(const DagNodeCore& node, const void* const*) const {
    return *static_cast<const T*>(node.objects()[index_]->value());
  }
  ObjectRef<T> ForTask(const DagNodeCore& node, std::span<const ObjectPointer>) const {
    return ObjectRef<T>(node.objects()[index_]);
  }
  NodeArgumentView View(const DagNodeCore& node) const {
    Object& object = *node.objects()[index_];
    return {.view = {.value = object.value(), .type = &typeid(T), .object = &object}};
  }

 private:
  size_t index_;
};

template <typename T>
class ValueArgument {
 public:
  static_assert(std::is_copy_constructible_v<T>, "a node may run more than once: its arguments must be copyable");
  using InTask = Held<T>;
  template <typename U>
  ValueArgument(DagNodeCore&, U&& value) : value_(std::forward<U>(value)) {}
  const T& Look(const DagNodeCore&, const void* const*) const { return value_; }
  const T& ForTask(const DagNodeCore&, std::span<const ObjectPointer>) const { return value_; }
  NodeArgumentView View(const DagNodeCore&) const { return {.view = {.value = &value_, .type = &typeid(T)}}; }

 private:
  T value_;
};

/// How an argument is kept; as StoredAs, for nodes.
template <typename Parameter, typename Argument>
struct BoundAs {
  using Type = ValueArgument<std::decay_t<std::conditional_t<std::is_void_v<Parameter>, Argument, Parameter>>>;
};
template <typename Parameter, typename T>
  requires(!IsObjectRef<std::remove_cvref_t<Parameter>>::value)
struct BoundAs<Parameter, ObjectRef<T>> {
  using Type = ObjectArgument<T>;
};
template <typename Parameter, typename T>
struct BoundAs<Parameter, DagNode<T>> {
  static_assert(!IsObjectRef<std::remove_cvref_t<Parameter>>::value,
                "a node stands for its value: the parameter can't be an ObjectRef");
  using Type = NodeArgument<T>;
};
template <typename Parameter, typename T>
struct BoundAs<Parameter, InputNode<T>> : BoundAs<Parameter, DagNode<T>> {};

/// Constructs what a call returns, or a Status that says why there is nothing.
template <typename R, typename Call>
Status ConstructResult(void* place, Call&& call) {
  using Returned = std::remove_cvref_t<decltype(call())>;
  if constexpr (std::is_void_v<Returned>) {
    call();
    return {};
  } else if constexpr (std::is_same_v<Returned, Status>) {
    return call();
  } else if constexpr (IsAsync<Returned>::value) {
    return ConstructResult<R>(place, [&] { return RunToEnd(call()); });
  } else if constexpr (IsResult<Returned>::value) {
    Returned result = call();
    if (!result.ok()) return std::move(result).status();
    new (place) R(*std::move(result));
    return {};
  } else {
    new (place) R(call());
    return {};
  }
}

/// The input of that number.
template <typename T>
class InputNodeCore final : public DagNodeCore {
 public:
  explicit InputNodeCore(size_t number) : DagNodeCore(ValueTypeOf<T>(), number) {}
};

/// `Callee`: a function, a function object, or MethodCall.
template <typename Callee, typename R, typename... Bound>
class CallNode : public DagNodeCore {
 public:
  template <typename... Arguments>
  explicit CallNode(std::shared_ptr<const TaskOptions> options, Callee callee, Arguments&&... arguments)
      : DagNodeCore(ValueTypeOf<R>()),
        callee_(std::move(callee)),
        // In braces: in their order.
        bound_{Bound(*this, std::forward<Arguments>(arguments))...} {
    SetOptions(std::move(options));
  }

  Status Invoke(const void* const* arguments, void* value) const final {
    return std::apply(
        [&](const Bound&... bound) {
          return ConstructResult<R>(
              value, [&]() -> decltype(auto) { return std::invoke(callee_, bound.Look(*this, arguments)...); });
        },
        bound_);
  }
  std::string FunctionName() const final { return NameOfFunction(callee_); }
  RemoteKey Remote() const final {
    if constexpr (std::is_pointer_v<Callee>) {
      return RemoteKeyOf(callee_);
    } else if constexpr (requires { callee_.Remote(); }) {
      return callee_.Remote();
    } else {
      return {};
    }
  }
  std::vector<NodeArgumentView> Views() const final {
    return std::apply([&](const Bound&... bound) { return std::vector<NodeArgumentView>{bound.View(*this)...}; },
                      bound_);
  }

 protected:
  template <typename Base, typename... OfBase>
  auto* MakeTask(std::tuple<OfBase...> base, std::span<const ObjectPointer> arguments) const {
    using Made = BoundTask<Base, Callee, R, typename Bound::InTask...>;
    static_assert(alignof(Made) <= Pool::kAlignment, "arguments and results of such alignment are not supported");
    return std::apply(
        [&](const Bound&... bound) { return new Made(std::move(base), callee_, bound.ForTask(*this, arguments)...); },
        bound_);
  }

 private:
  const Callee callee_;
  const std::tuple<Bound...> bound_;
};

template <typename Function, typename R, typename... Bound>
class FunctionNode final : public CallNode<Function, R, Bound...> {
 public:
  using CallNode<Function, R, Bound...>::CallNode;
  ObjectPointer Submit(Engine& engine, std::span<const ObjectPointer> arguments) const override {
    auto* task = this->template MakeTask<Task>(std::forward_as_tuple(engine, this->options()), arguments);
    ObjectPointer object = ObjectPointer::Adopt(task);
    StartTask(engine, *task);
    return object;
  }
};

/// Keeps the actor, as a handle does.
template <typename A, typename Method, typename R, typename... Bound>
class MethodNode final : public CallNode<MethodCall<Method, A>, R, Bound...> {
 public:
  template <typename... Arguments>
  MethodNode(ActorCell<A>& cell, std::shared_ptr<const TaskOptions> options, Method method, Arguments&&... arguments)
      : CallNode<MethodCall<Method, A>, R, Bound...>(std::move(options), MethodCall<Method, A>{&cell, method},
                                                     std::forward<Arguments>(arguments)...),
        cell_(&cell) {}
  ActorCore* actor() const noexcept override { return cell_.get(); }
  ObjectPointer Submit(Engine&, std::span<const ObjectPointer> arguments) const override {
    ActorCore& actor = *cell_;
    auto* task = this->template MakeTask<ActorTask>(std::forward_as_tuple(actor, this->options()), arguments);
    ObjectPointer object = ObjectPointer::Adopt(task);
    StartCall(actor, *task);
    return object;
  }

 private:
  const Pointer<ActorCell<A>> cell_;
};

/// Return type and parameters of a function or method, whose arguments are converted when they are bound.
template <typename Function>
struct SignatureOf {};
template <typename R, typename... P>
struct SignatureOf<R (*)(P...)> {
  using Result = R;
  using Parameters = std::tuple<std::type_identity<P>...>;
};
template <typename R, typename... P>
struct SignatureOf<R (*)(P...) noexcept> : SignatureOf<R (*)(P...)> {};
template <typename R, typename B, typename... P>
struct SignatureOf<R (B::*)(P...)> : SignatureOf<R (*)(P...)> {};
template <typename R, typename B, typename... P>
struct SignatureOf<R (B::*)(P...) const> : SignatureOf<R (*)(P...)> {};
template <typename R, typename B, typename... P>
struct SignatureOf<R (B::*)(P...) noexcept> : SignatureOf<R (*)(P...)> {};
template <typename R, typename B, typename... P>
struct SignatureOf<R (B::*)(P...) const noexcept> : SignatureOf<R (*)(P...)> {};

/// Makes a node of a function.
template <typename Function, typename... P, typename... Arguments>
auto BindFunction(std::tuple<std::type_identity<P>...>*, std::shared_ptr<const TaskOptions> options, Function function,
                  Arguments&&... arguments) {
  static_assert(sizeof...(P) == sizeof...(Arguments), "one argument for each parameter of the function");
  using R = typename ResultOf<typename SignatureOf<Function>::Result>::Type;
  using Node = FunctionNode<Function, R, typename BoundAs<P, std::decay_t<Arguments>>::Type...>;
  return DagNode<R>(
      DagNodePointer::Adopt(new Node(std::move(options), function, std::forward<Arguments>(arguments)...)));
}
template <typename Function, typename... Arguments>
auto BindCallable(std::shared_ptr<const TaskOptions> options, Function&& function, Arguments&&... arguments) {
  using Plain = std::decay_t<Function>;
  if constexpr (std::is_pointer_v<Plain>) {
    using Parameters = typename SignatureOf<Plain>::Parameters;
    return BindFunction<Plain>(static_cast<Parameters*>(nullptr), std::move(options), function,
                               std::forward<Arguments>(arguments)...);
  } else {
    using Call =
        std::invoke_result<const Plain&, decltype(std::declval<typename BoundAs<void, std::decay_t<Arguments>>::Type&>()
                                                      .Look(std::declval<const DagNodeCore&>(), nullptr))...>;
    static_assert(std::is_copy_constructible_v<Plain>, "a node may run more than once: its function must be copyable");
    using R = typename ResultOf<typename Call::type>::Type;
    using Node = FunctionNode<Plain, R, typename BoundAs<void, std::decay_t<Arguments>>::Type...>;
    return DagNode<R>(DagNodePointer::Adopt(
        new Node(std::move(options), std::forward<Function>(function), std::forward<Arguments>(arguments)...)));
  }
}

template <typename A, typename Method, typename... P, typename... Arguments>
auto BindCall(std::tuple<std::type_identity<P>...>*, ActorCell<A>& cell, std::shared_ptr<const TaskOptions> options,
              Method method, Arguments&&... arguments) {
  static_assert(sizeof...(P) == sizeof...(Arguments), "one argument for each parameter of the method");
  using R = typename ResultOf<typename SignatureOf<Method>::Result>::Type;
  using Node = MethodNode<A, Method, R, typename BoundAs<P, std::decay_t<Arguments>>::Type...>;
  return DagNode<R>(
      DagNodePointer::Adopt(new Node(cell, std::move(options), method, std::forward<Arguments>(arguments)...)));
}
/// Makes a node of a method of an actor.
template <typename A, typename Method, typename... Arguments>
auto BindMethod(ActorCell<A>& cell, std::shared_ptr<const TaskOptions> options, Method method,
                Arguments&&... arguments) {
  using Parameters = typename SignatureOf<Method>::Parameters;
  return BindCall<A, Method>(static_cast<Parameters*>(nullptr), cell, std::move(options), method,
                             std::forward<Arguments>(arguments)...);
}

/// An input of one execution, as an object.
struct DagInput {
  ObjectPointer object;
  const std::type_info* type;
};
/// Submits what the outputs need; an object for each of them. What is wrong with the inputs is their error.
std::vector<ObjectPointer> ExecuteDag(Engine& engine, std::span<const DagNodePointer> outputs,
                                      std::span<const DagInput> inputs);

}  // namespace detail
}  // namespace triune
