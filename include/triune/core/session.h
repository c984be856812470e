// Where tasks run and objects live.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "triune/core/detail/bound_task.h"
#include "triune/core/detail/object.h"
#include "triune/core/object_ref.h"
#include "triune/core/task_options.h"
#include "triune/status.h"
#include "triune/time.h"

namespace triune {

namespace detail {

/// A value that somebody has put.
template <typename T>
class PutObject final : public Object {
 public:
  template <typename... Arguments>
  explicit PutObject(Arguments&&... arguments) : value_(std::forward<Arguments>(arguments)...) {
    SetReady();
  }
  void* value() noexcept override { return &value_; }

 private:
  T value_;
};

/// What a session runs on.
class Engine : public TaskRunner {
 public:
  virtual ~Engine() = default;
  /// Waits until the object is ready; false when `deadline` passed first. May run the object's task on this thread.
  virtual bool WaitFor(Object& object, TimePoint deadline) = 0;
  /// Waits until `count` of the objects are ready, or the deadline has passed; says which are.
  virtual void WaitForSome(std::span<Object* const> objects, size_t count, TimePoint deadline) = 0;
  /// A task that has not started is not run any more.
  virtual bool Cancel(Object& object) = 0;
};

}  // namespace detail

struct SessionOptions {
  int cpus = 0;  ///< Threads that run tasks at the same time; 0: as many as the machine has for this process.
};

/// Runs functions as tasks. Tasks may submit tasks and wait for them. Thread-safe. The destructor waits for all tasks;
/// references may outlive the session, but nothing may be asked of them then.
class Session {
 public:
  explicit Session(const SessionOptions& options = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Runs function(arguments...) on some thread, soon. ObjectRefs among the arguments stand for their values, and are
  /// waited for. What the function throws, and an error that it returns as Status or Result, is the error of the
  /// reference; a task with an argument that failed fails with the same error.
  template <typename Function, typename... Arguments>
  auto Submit(Function&& function, Arguments&&... arguments) {
    return SubmitWith(nullptr, std::forward<Function>(function), std::forward<Arguments>(arguments)...);
  }

  /// Submit with other options than the default ones.
  class Submitter {
   public:
    template <typename Function, typename... Arguments>
    auto Submit(Function&& function, Arguments&&... arguments) {
      return session_.SubmitWith(options_, std::forward<Function>(function), std::forward<Arguments>(arguments)...);
    }

   private:
    friend class Session;
    Submitter(Session& session, TaskOptions options)
        : session_(session), options_(std::make_shared<const TaskOptions>(std::move(options))) {}
    Session& session_;
    std::shared_ptr<const TaskOptions> options_;
  };
  Submitter With(TaskOptions options) { return Submitter(*this, std::move(options)); }

  /// Waits for the value and copies it. DeadlineExceeded when it was not there within `timeout`; else the task's error.
  template <typename T>
  auto Get(const ObjectRef<T>& reference, Duration timeout = Duration::max()) {
    Status status = WaitFor(*reference.object(), timeout);
    if constexpr (std::is_void_v<T>) {
      return status;
    } else {
      return status.ok() ? Result<T>(*static_cast<const T*>(reference.object()->value()))
                         : Result<T>(std::move(status));
    }
  }

  /// An object with this value.
  template <typename T>
  auto Put(T&& value) {
    using Value = std::remove_cvref_t<T>;
    static_assert(alignof(Value) <= detail::Pool::kAlignment, "values of such alignment are not supported");
    return ObjectRef<Value>(detail::ObjectPointer::Adopt(new detail::PutObject<Value>(std::forward<T>(value))));
  }

  /// Waits until `count` of the references are ready, or `timeout` has passed. Returns the numbers of those that are,
  /// in their order.
  template <typename T>
  std::vector<size_t> Wait(std::span<const ObjectRef<T>> references, size_t count, Duration timeout = Duration::max()) {
    std::vector<detail::Object*> objects;
    objects.reserve(references.size());
    for (const auto& reference : references) objects.push_back(reference.object().get());
    return WaitForSome(objects, count, timeout);
  }

  /// The task is not run if it has not started yet, and its reference becomes the error Cancelled. False when it was
  /// too late for that.
  template <typename T>
  bool Cancel(const ObjectRef<T>& reference) {
    return engine_->Cancel(*reference.object());
  }

 private:
  template <typename Function, typename... Arguments>
  auto SubmitWith(std::shared_ptr<const TaskOptions> options, Function&& function, Arguments&&... arguments) {
    using Plain = std::decay_t<Function>;
    if constexpr (std::is_pointer_v<Plain>) {
      return SubmitFunction(std::move(options), function, std::forward<Arguments>(arguments)...);
    } else {
      return SubmitCallable<Plain, Arguments...>(std::move(options), std::forward<Function>(function),
                                                 std::forward<Arguments>(arguments)...);
    }
  }
  template <typename R, typename... Parameters, typename... Arguments>
  auto SubmitFunction(std::shared_ptr<const TaskOptions> options, R (*function)(Parameters...),
                      Arguments&&... arguments) {
    static_assert(sizeof...(Parameters) == sizeof...(Arguments), "one argument for each parameter of the function");
    using Value = typename detail::ResultOf<R>::Type;
    return Start<Value, detail::BoundTask<R (*)(Parameters...), Value,
                                          typename detail::StoredAs<Parameters, std::decay_t<Arguments>>::Type...>>(
        std::move(options), function, std::forward<Arguments>(arguments)...);
  }
  /// The parameters of a lambda can't be told: an ObjectRef always stands for its value.
  template <typename Plain, typename... Arguments, typename Function>
  auto SubmitCallable(std::shared_ptr<const TaskOptions> options, Function&& function, Arguments&&... arguments) {
    using R = std::invoke_result_t<
        Plain&, decltype(std::declval<typename detail::StoredAs<void, std::decay_t<Arguments>>::Type&>().Look())...>;
    using Value = typename detail::ResultOf<R>::Type;
    return Start<Value,
                 detail::BoundTask<Plain, Value, typename detail::StoredAs<void, std::decay_t<Arguments>>::Type...>>(
        std::move(options), std::forward<Function>(function), std::forward<Arguments>(arguments)...);
  }
  template <typename Value, typename Task, typename... Arguments>
  ObjectRef<Value> Start(std::shared_ptr<const TaskOptions> options, Arguments&&... arguments) {
    static_assert(alignof(Task) <= detail::Pool::kAlignment,
                  "arguments and results of such alignment are not supported");
    auto* task = new Task(*engine_, std::move(options), std::forward<Arguments>(arguments)...);
    ObjectRef<Value> reference(detail::ObjectPointer::Adopt(task));
    task->Start();
    return reference;
  }

  Status WaitFor(detail::Object& object, Duration timeout);
  std::vector<size_t> WaitForSome(std::span<detail::Object* const> objects, size_t count, Duration timeout);

  std::unique_ptr<detail::Engine> engine_;
};

}  // namespace triune
