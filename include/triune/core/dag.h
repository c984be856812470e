// DAGs: calls that are put together first, and executed later, often.
//
//   triune::InputNode<int> input;
//   auto doubled = triune::Bind(Double, input);            // a DagNode<int>; nothing runs yet
//   auto sum = triune::Bind(Add, doubled, input);          // values, ObjectRefs and nodes are arguments
//   auto counted = counter.Bind(&Counter::Add, sum);       // a method of an actor
//
//   triune::ObjectRef<int> result = session.Execute(counted, 7);      // tasks and calls, as if submitted by hand
//
//   auto compiled = session.Compile<int(int)>(counted);               // the schedule and all memory, once
//   triune::Result<int> value = session.Get(compiled->Execute(7));    // many times faster
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "triune/core/dag_options.h"
#include "triune/core/detail/compiled_dag.h"
#include "triune/core/detail/dag_node.h"
#include "triune/core/detail/put_object.h"
#include "triune/core/object_ref.h"
#include "triune/core/task_options.h"
#include "triune/status.h"
#include "triune/time.h"

namespace triune {

/// A call that is bound to its arguments, and stands for what it will return. Immutable, cheap to copy; it keeps its
/// arguments and actors. Thread-safe. Made by Bind, and by that of an ActorHandle.
template <typename T>
class DagNode {
 public:
  using Value = T;
  explicit DagNode(detail::DagNodePointer core) : core_(std::move(core)) {}
  const detail::DagNodePointer& core() const noexcept { return core_; }

 private:
  detail::DagNodePointer core_;
};

/// Stands for what is given to Execute: the first of the inputs, or another one. All nodes of one number are the same
/// input, and must be of the same type.
template <typename T>
class InputNode : public DagNode<T> {
 public:
  static_assert(std::is_same_v<T, std::decay_t<T>>, "inputs are values");
  explicit InputNode(size_t number = 0)
      : DagNode<T>(detail::DagNodePointer::Adopt(new detail::InputNodeCore<T>(number))) {}
};

/// Several nodes as the output of a DAG: their values come as a std::tuple, in this order.
template <typename... T>
class MultiOutputNode {
 public:
  using Value = std::tuple<T...>;
  explicit MultiOutputNode(const DagNode<T>&... nodes) : cores_{nodes.core()...} {}
  const std::vector<detail::DagNodePointer>& cores() const noexcept { return cores_; }

 private:
  std::vector<detail::DagNodePointer> cores_;
};

/// A call of function(arguments...), where DagNodes and ObjectRefs among the arguments stand for their values. It may
/// run more than once, and in a compiled DAG at the same time: arguments are looked at and not moved, and a function
/// object must be const when it is called. A node that is an argument of several runs once in each execution.
template <typename Function, typename... Arguments>
auto Bind(Function&& function, Arguments&&... arguments) {
  return detail::BindCallable(nullptr, std::forward<Function>(function), std::forward<Arguments>(arguments)...);
}

/// Bind with other options than the default ones: With({.name = "double", .retries = 2}).Bind(Double, input).
class Binder {
 public:
  explicit Binder(TaskOptions options) : options_(std::make_shared<const TaskOptions>(std::move(options))) {}
  template <typename Function, typename... Arguments>
  auto Bind(Function&& function, Arguments&&... arguments) const {
    return detail::BindCallable(options_, std::forward<Function>(function), std::forward<Arguments>(arguments)...);
  }

 private:
  std::shared_ptr<const TaskOptions> options_;
};
inline Binder With(TaskOptions options) { return Binder(std::move(options)); }

/// Refers to one execution of a compiled DAG, whose room is free again when the result was taken, or when this goes.
/// Session::Get takes it, too. Thread-compatible.
template <typename T>
class CompiledDagRef {
 public:
  using Value = T;
  CompiledDagRef() = default;
  explicit CompiledDagRef(detail::ExecutionHandle handle) : handle_(std::move(handle)) {}

  /// Waits for the result and moves it out: once, then it is FailedPrecondition. kGetTimeout when it was not there
  /// within `timeout`, then it can be asked for again; else the error of the node that failed.
  auto Get(Duration timeout = Duration::max()) {
    Status status = handle_.Wait(timeout);
    if constexpr (std::is_void_v<T>) {
      if (status.ok()) handle_.Release();
      return status;
    } else {
      if (!status.ok()) return Result<T>(std::move(status));
      Result<T> result(Take(std::type_identity<T>()));
      handle_.Release();
      return result;
    }
  }

 private:
  template <typename U>
  U Take(std::type_identity<U>) {
    return std::move(*static_cast<U*>(handle_.Output(0)));
  }
  template <typename... U>
  std::tuple<U...> Take(std::type_identity<std::tuple<U...>>) {
    // Or it is what one node returns.
    if (!handle_.has_several_outputs()) return std::move(*static_cast<std::tuple<U...>*>(handle_.Output(0)));
    return [this]<size_t... I>(std::index_sequence<I...>) {
      return std::tuple<U...>{TakeOne<U>(I)...};
    }(std::index_sequence_for<U...>());
  }
  /// A node may be an output more than once.
  template <typename U>
  U TakeOne(size_t number) {
    U& value = *static_cast<U*>(handle_.Output(number));
    if constexpr (std::is_copy_constructible_v<U>) {
      if (!handle_.IsLastUse(number)) return value;
    }
    return std::move(value);
  }

  detail::ExecutionHandle handle_;
};

template <typename Signature>
class CompiledDag;

/// A DAG that is executed often: what runs after what is fixed, and there is room for max_inflight_executions
/// executions, which is used again and again. Independent nodes may run at the same time, and so may executions; but
/// the calls of one actor are made in the order of the executions, and within one in the order in which they were
/// bound, the DAG being one caller. Thread-safe but for moving. The destructor waits for the executions that are under
/// way.
///
/// Either no node has a process of its own, or all are methods of actors that have (ActorOptions::isolation): those
/// pass values to each other, and when one of them dies, the executions that are not over and all later ones fail.
template <typename R, typename... Inputs>
class CompiledDag<R(Inputs...)> {
 public:
  static_assert((std::is_same_v<Inputs, std::decay_t<Inputs>> && ...), "inputs are values");
  CompiledDag(CompiledDag&&) noexcept = default;
  CompiledDag& operator=(CompiledDag&& other) noexcept {
    if (this != &other) {
      if (core_) core_->Close(false);
      core_ = std::move(other.core_);
    }
    return *this;
  }
  ~CompiledDag() {
    if (core_) core_->Close(false);
  }

  /// Begins an execution, and waits for nothing. Its result, also the error that there is no more room for it
  /// (kCapacityExceeded), is what Get returns.
  CompiledDagRef<R> Execute(Inputs... inputs) {
    Status error;
    detail::DagExecution* execution = core_->Begin(&error);
    if (execution == nullptr) return CompiledDagRef<R>(detail::ExecutionHandle(std::move(error)));
    detail::ExecutionHandle handle(*core_, *execution);
    try {
      size_t number = 0;
      (Construct<Inputs>(*execution, number++, inputs), ...);
    } catch (...) {
      error = Internal("an input of the compiled DAG could not be moved");
    }
    core_->Start(*execution, std::move(error));
    return CompiledDagRef<R>(std::move(handle));
  }

  /// Ends it sooner than the destructor: nodes that have not begun are not run, functions that run are told
  /// (RuntimeContext), and what they belong to fails with kTaskCancelled. Waits until nothing runs any more. Results
  /// that are there can still be taken.
  void Teardown() { core_->Close(true); }

 private:
  friend class Session;
  explicit CompiledDag(detail::Pointer<detail::CompiledDagCore> core) : core_(std::move(core)) {}
  static Result<CompiledDag> Make(detail::Engine& engine, std::shared_ptr<const std::atomic<bool>> session_ended,
                                  std::span<const detail::DagNodePointer> outputs, bool several_outputs,
                                  const CompileOptions& options) {
    const std::vector<const detail::ValueType*> inputs{&detail::ValueTypeOf<Inputs>()...};
    TRIUNE_ASSIGN_OR_RETURN(auto core,
                            detail::CompiledDagCore::Make(engine, std::move(session_ended), outputs, inputs, options));
    core->SetSeveralOutputs(several_outputs);
    return CompiledDag(std::move(core));
  }
  template <typename T>
  static Result<CompiledDag> Make(detail::Engine& engine, std::shared_ptr<const std::atomic<bool>> session_ended,
                                  const DagNode<T>& output, const CompileOptions& options) {
    static_assert(std::is_same_v<R, T>, "Compile<R(...)>: R must be what the node gives");
    return Make(engine, std::move(session_ended), std::span(&output.core(), 1), false, options);
  }
  template <typename... T>
  static Result<CompiledDag> Make(detail::Engine& engine, std::shared_ptr<const std::atomic<bool>> session_ended,
                                  const MultiOutputNode<T...>& output, const CompileOptions& options) {
    static_assert(std::is_same_v<R, std::tuple<T...>>, "Compile<std::tuple<...>(...)>: of what the nodes give");
    return Make(engine, std::move(session_ended), std::span(output.cores()), true, options);
  }
  template <typename T>
  void Construct(detail::DagExecution& execution, size_t number, T& input) {
    new (core_->Input(execution, number)) T(std::move(input));
    core_->HasInput(execution, number);
  }

  detail::Pointer<detail::CompiledDagCore> core_;
};

namespace detail {

template <typename T>
DagInput MakeDagInput(T&& input) {
  using Plain = std::decay_t<T>;
  if constexpr (IsObjectRef<Plain>::value) {
    return {input.object(), &typeid(typename Plain::Value)};
  } else {
    // A text in quotes is meant as a string.
    using Value = std::conditional_t<std::is_convertible_v<Plain, const char*>, std::string, Plain>;
    return {ObjectPointer::Adopt(new PutObject<Value>(std::forward<T>(input))), &typeid(Value)};
  }
}

template <typename T, typename... Inputs>
ObjectRef<T> ExecuteDag(Engine& engine, const DagNode<T>& output, Inputs&&... inputs) {
  const std::vector<DagInput> objects{MakeDagInput(std::forward<Inputs>(inputs))...};
  return ObjectRef<T>(std::move(ExecuteDag(engine, std::span(&output.core(), 1), std::span(objects))[0]));
}
template <typename... T, typename... Inputs>
std::tuple<ObjectRef<T>...> ExecuteDag(Engine& engine, const MultiOutputNode<T...>& output, Inputs&&... inputs) {
  const std::vector<DagInput> objects{MakeDagInput(std::forward<Inputs>(inputs))...};
  auto results = ExecuteDag(engine, std::span(output.cores()), std::span(objects));
  return [&]<size_t... I>(std::index_sequence<I...>) {
    return std::tuple<ObjectRef<T>...>{ObjectRef<T>(std::move(results[I]))...};
  }(std::index_sequence_for<T...>());
}

}  // namespace detail
}  // namespace triune
