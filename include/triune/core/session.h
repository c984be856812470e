// Where tasks run and objects live.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "triune/core/actor.h"
#include "triune/core/actor_options.h"
#include "triune/core/dag.h"
#include "triune/core/detail/bound_task.h"
#include "triune/core/detail/element_object.h"
#include "triune/core/detail/engine.h"
#include "triune/core/detail/generator_task.h"
#include "triune/core/detail/object.h"
#include "triune/core/detail/put_object.h"
#include "triune/core/detail/reading.h"
#include "triune/core/detail/received_object.h"
#include "triune/core/generator.h"
#include "triune/core/object_ref.h"
#include "triune/core/object_view.h"
#include "triune/core/placement_group.h"
#include "triune/core/state.h"
#include "triune/core/task_options.h"
#include "triune/status.h"
#include "triune/time.h"

namespace triune {

namespace compute {
class NestedCalls;
class WorkerSession;
}  // namespace compute

/// What there is for tasks. What a task asks for is compared with that: TaskOptions. Where cpus, memory, trace_file and
/// state_socket are as they are here, the environment may say other: TRIUNE_CPUS, TRIUNE_MEMORY, TRIUNE_TRACE (for the
/// first session of a program) and TRIUNE_STATE_SOCKET (for one at a time).
struct SessionOptions {
  int cpus = 0;       ///< Threads that run tasks at the same time; 0: as many as the machine has for this process.
  double gpus = -1;   ///< -1: as many as NVIDIA's driver shows.
  double memory = 0;  ///< Bytes; 0: 70 % of the machine's.
  std::map<std::string, double> resources{};  ///< Others, by name.
  /// Bytes of memory that each process for tasks may have for itself; 0: as much as it likes. Values in shared memory
  /// don't count, and neither do programs that it has started. It is looked at a few times a second while a task runs;
  /// a process that has more is ended, and the task fails with kOutOfMemory.
  uint64_t worker_memory = 0;
  /// Whether lines that processes for tasks write on their standard output and error are written on this program's,
  /// soon and with the task before them: "(Load pid=123) text". The same line from several of them within five seconds
  /// comes once more at the end of these, with how many there were: "... [repeated 3x across processes]". Lines longer
  /// than 16 KiB come in pieces. When nobody takes them for five seconds and there are too many to keep, some are left
  /// out.
  bool log_to_driver = true;
  /// Whether each task, actor and object is kept track of, so that they can be listed. It costs about a microsecond for
  /// each task. So it is, too, when one of the two below is given.
  bool track_state = false;
  /// Of these, those that ended first are forgotten first.
  size_t max_tracked_tasks = 100'000;
  /// Where a trace is written to while the session goes on, for Perfetto or chrome://tracing; empty: nowhere.
  std::string trace_file{};
  /// Where others may ask what the session is doing, over HTTP: the path of a Unix socket, for this user alone. Empty:
  /// nowhere.
  std::string state_socket{};
  /// Bytes of shared memory for values that processes have: what PutBytes was given, and large arguments and results;
  /// 0: 30 % of the machine's. What is more is on disk, and is read and written in its place all the same: the system
  /// keeps in memory what is used.
  uint64_t object_memory = 0;
  /// Where that is: in files without names, so that nothing is left behind. Empty: the directory for temporary files.
  /// One that can't be written is an error when it is first needed.
  std::string spill_directory{};
  /// Bytes that may be there; 0: until the disk is 95 % full. Under 4096: nothing is spilled. Where there is no room,
  /// neither in memory nor on disk, it is kObjectStoreFull.
  uint64_t spill_limit = 0;
};

struct CancelOptions {
  /// Also the tasks that it has submitted and that are not done, and theirs.
  bool recursive = true;
  /// Does not wait until a function that runs has returned: its task fails at once.
  bool force = false;
};

/// Numbers of references, each list in their order. With room for as many as were wanted, `ready` may have more.
struct WaitResult {
  std::vector<size_t> ready{};      ///< There is a value, or an error.
  std::vector<size_t> remaining{};  ///< There is none yet.
};

/// Runs functions as tasks. Tasks may submit tasks and wait for them. Thread-safe. The destructor waits for all tasks;
/// references may outlive the session, but nothing may be asked of them then.
class Session {
 public:
  explicit Session(const SessionOptions& options = {});
  ~Session();
  /// The session of the task that this thread runs, also in a process for tasks, where it stands for the driver's:
  /// functions that are submitted and classes of actors that are made there must be registered, and run in processes.
  /// Null outside of tasks.
  static Session* Current() noexcept;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Runs function(arguments...) on some thread, soon. ObjectRefs among the arguments stand for their values, and are
  /// waited for. What the function throws, and an error that it returns as Status or Result, is the error of the
  /// reference; a task with an argument that failed fails with the same error. A function that returns a Generator<T>
  /// gives an ObjectRefGenerator<T>; in a process for tasks none can be submitted.
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

  /// Makes an actor: an A constructed with these arguments, soon. See ActorHandle.
  template <typename A, typename... Arguments>
  ActorHandle<A> CreateActor(Arguments&&... arguments) {
    return CreateActor<A>(ActorOptions(), std::forward<Arguments>(arguments)...);
  }
  template <typename A, typename... Arguments>
  ActorHandle<A> CreateActor(ActorOptions options, Arguments&&... arguments) {
    using Cell = detail::ActorCell<A>;
    using Creation = detail::BoundTask<detail::CreationTask, detail::Construct<Cell>, void,
                                       typename detail::StoredAs<void, std::decay_t<Arguments>>::Type...>;
    auto cell = detail::Pointer<Cell>::Adopt(new Cell(*engine_, std::move(options)));
    auto creation = detail::Pointer<detail::CreationTask>::Adopt(
        new Creation(std::forward_as_tuple(static_cast<detail::ActorCore&>(*cell)), detail::Construct<Cell>{cell.get()},
                     std::forward<Arguments>(arguments)...));
    auto existing = StartActor(*cell, std::move(creation));
    return ActorHandle<A>(existing ? detail::Pointer<Cell>::Adopt(static_cast<Cell*>(existing.Release())) : cell);
  }

  /// The actor of that name. NotFound when there is none; InvalidArgument when it is of another type.
  template <typename A>
  Result<ActorHandle<A>> GetActor(std::string_view name) {
    if (is_foreign_) {
      auto cell = detail::Pointer<detail::ActorCell<A>>::Adopt(new detail::ActorCell<A>(*engine_, ActorOptions()));
      TRIUNE_RETURN_IF_ERROR(engine_->driver_actors()->Find(name, *cell));
      return ActorHandle<A>(std::move(cell));
    }
    TRIUNE_ASSIGN_OR_RETURN(auto actor, FindActor(name, typeid(A)));
    return ActorHandle<A>(
        detail::Pointer<detail::ActorCell<A>>::Adopt(static_cast<detail::ActorCell<A>*>(actor.Release())));
  }

  /// Waits for the value and copies it. kGetTimeout when it was not there within `timeout`; else the task's error.
  template <typename T>
  auto Get(const ObjectRef<T>& reference, Duration timeout = Duration::max()) {
    using Answer = std::conditional_t<std::is_void_v<T>, Status, Result<T>>;
    detail::Object& object = *reference.object();
    while (true) {
      if (object.ready()) {
        const detail::Reading reading(object);
        if (reading.usable()) [[likely]] {
          if constexpr (!std::is_void_v<T>) {
            if (object.status().ok()) return Answer(*static_cast<const T*>(object.value()));
          }
          return Answer(object.status());
        }
      }
      Status status = WaitFor(reference.object(), timeout);
      if (!status.ok()) return Answer(std::move(status));
    }
  }

  /// Waits for all and copies their values. The first error in their order, when there is one. A Status for void.
  template <typename T>
  auto Get(const std::vector<ObjectRef<T>>& references, Duration timeout = Duration::max()) {
    const TimePoint deadline = DeadlineOf(timeout);
    Status status = WaitForAll(ObjectsOf(references), timeout);
    if constexpr (std::is_void_v<T>) {
      for (size_t i = 0; status.ok() && i < references.size(); ++i) status = Get(references[i], Left(deadline));
      return status;
    } else {
      if (!status.ok()) return Result<std::vector<T>>(std::move(status));
      std::vector<T> values;
      values.reserve(references.size());
      for (const auto& reference : references) {
        Result<T> value = Get(reference, Left(deadline));
        if (!value.ok()) return Result<std::vector<T>>(std::move(value).status());
        values.push_back(*std::move(value));
      }
      return Result<std::vector<T>>(std::move(values));
    }
  }

  /// Waits for the value, which then is looked at where it lies. The errors are those of Get.
  template <typename T>
  Result<ObjectView<T>> View(const ObjectRef<T>& reference, Duration timeout = Duration::max()) {
    TRIUNE_ASSIGN_OR_RETURN(auto use, WaitForUse(reference.object(), timeout));
    return ObjectView<T>(std::move(use));
  }

  /// Whether there is a value now: it is ready, no error, and not freed. In a process for tasks the driver is asked.
  template <typename T>
  bool Contains(const ObjectRef<T>& reference) {
    return reference && Contains(*reference.object());
  }

  /// Gives the memory of a value back although there are references to it. Tasks that were submitted before with the
  /// value as an argument still have it, and so do views of it and buffers that share it: it goes when the last of
  /// these is done with it. For all others it is gone at once: Get, and tasks that are given it from now on, fail with
  /// kObjectFreed, unless it can be made again (TaskOptions::reconstruct). InvalidArgument when it is not ready yet;
  /// nothing happens to an error, and to void. In a process for tasks, values that it has got before stay there until
  /// its references go.
  template <typename T>
  Status Free(const ObjectRef<T>& reference) {
    return Free(reference.object());
  }
  /// Each of them; the first error.
  template <typename T>
  Status Free(const std::vector<ObjectRef<T>>& references) {
    Status first;
    for (const auto& reference : references) {
      Status status = Free(reference.object());
      if (first.ok()) first = std::move(status);
    }
    return first;
  }

  /// Runs each node that the output needs, once, with these inputs, as tasks and calls that wait for each other. Gives
  /// what Submit would: an ObjectRef, or a tuple of them for a MultiOutputNode. Inputs may be ObjectRefs.
  template <typename Output, typename... Inputs>
  auto Execute(const Output& output, Inputs&&... inputs) {
    return detail::ExecuteDag(*engine_, output, std::forward<Inputs>(inputs)...);
  }
  /// Makes the DAG ready to be executed often and fast: Compile<int(std::string)>(output) for one with one input. Waits
  /// for the ObjectRefs among the arguments of nodes. InvalidArgument when the inputs do not fit, or a node has options
  /// that a compiled DAG does not see to; the actor's error, when it is dead.
  template <typename Signature, typename Output>
  Result<CompiledDag<Signature>> Compile(const Output& output, const CompileOptions& options = {}) {
    return CompiledDag<Signature>::Make(*engine_, ending_.has_ended, output, options);
  }
  /// Waits for the result of an execution and takes it: once.
  template <typename T>
  auto Get(CompiledDagRef<T>& reference, Duration timeout = Duration::max()) {
    return reference.Get(timeout);
  }
  template <typename T>
  auto Get(CompiledDagRef<T>&& reference, Duration timeout = Duration::max()) {
    return reference.Get(timeout);
  }

  /// An object with this value.
  template <typename T>
  auto Put(T&& value) {
    using Value = std::remove_cvref_t<T>;
    static_assert(alignof(Value) <= detail::Pool::kAlignment, "values of such alignment are not supported");
    if (is_foreign_) {
      return ObjectRef<Value>(
          detail::ObjectPointer::Adopt(new detail::TypedReceivedObject<Value>(std::forward<T>(value))));
    }
    auto* object = new detail::PutObject<Value>(std::forward<T>(value));
    if (is_tracked_) [[unlikely]]
      object->Track(engine_->state_book());
    return ObjectRef<Value>(detail::ObjectPointer::Adopt(object));
  }

  /// Copies the bytes into shared memory, where processes that get them as an argument read them without another copy.
  /// kObjectStoreFull.
  ObjectRef<Buffer> PutBytes(std::span<const std::byte> bytes);

  /// A reference for each element of a std::tuple, std::pair or std::array, to be used on its own. The elements are
  /// ready with the whole, which is kept as long as one of them, and are errors when it is one. In a process for tasks
  /// it waits for the whole, and the elements are copies.
  template <typename T>
  auto Unpack(const ObjectRef<T>& whole) {
    return Unpack(whole, std::make_index_sequence<std::tuple_size_v<T>>());
  }

  /// Waits until `count` of the references are ready, or `timeout` has passed. An error when it could not wait: the
  /// task that waits was cancelled (kTaskCancelled), or would wait for itself (kDeadlock).
  template <typename T>
  Result<WaitResult> Wait(const std::vector<ObjectRef<T>>& references, size_t count,
                          Duration timeout = Duration::max()) {
    return WaitForSome(ObjectsOf(references), count, timeout);
  }

  /// A task that has not started is not run, and fails with kTaskCancelled; one that runs is told (RuntimeContext), and
  /// woken where it waits. False when it was done already.
  template <typename T>
  bool Cancel(const ObjectRef<T>& reference, const CancelOptions& options = {}) {
    return Cancel(*reference.object(), options);
  }
  /// Values that wait can still be taken; the error comes after them. A generator that runs ends at its next co_yield.
  template <typename T>
  bool Cancel(const ObjectRefGenerator<T>& generator, const CancelOptions& options = {}) {
    return Cancel(*generator.reader_->task(), options);
  }

  /// Reserves bundles of resources, all or none, for tasks and actors that name the group. Waits fairly, with the
  /// tasks; see PlacementGroup::Ready.
  PlacementGroup CreatePlacementGroup(PlacementGroupOptions options);
  /// Its tasks fail with kTaskCancelled, also those that run, though their functions go on, and its actors are killed.
  /// What these use comes back when they return. False when it was removed before.
  bool RemovePlacementGroup(const PlacementGroup& group);
  /// NotFound.
  Result<PlacementGroup> GetPlacementGroup(std::string_view name) const;
  /// All there are, and the latest of those that were removed.
  std::vector<PlacementGroupInfo> PlacementGroups() const;

  /// What the session has, by Ray's names: "CPU", "GPU", "memory" and others.
  std::map<std::string, double> ClusterResources() const;
  /// What of that neither runs, nor is held by an actor, nor reserved by a placement group.
  std::map<std::string, double> AvailableResources() const;

  /// OK; or what was wrong with the options from the environment, the trace or the socket. The session then does
  /// without them, and has said so on standard error.
  Status status() const;
  /// How many there are of what, in which state. Always there, and cheap.
  SessionStats Stats() const;
  // All that follow: InvalidArgument for a filter that can't be, which names the keys there are; FailedPrecondition in
  // a process for tasks, and, of tasks, actors and objects, without SessionOptions::track_state.
  Result<Listing<TaskInfo>> ListTasks(const ListOptions& options = {}) const;
  Result<Listing<ActorInfo>> ListActors(const ListOptions& options = {}) const;
  Result<Listing<ObjectInfo>> ListObjects(const ListOptions& options = {}) const;
  Result<Listing<PlacementGroupStateInfo>> ListPlacementGroups(const ListOptions& options = {}) const;
  Result<Listing<WorkerInfo>> ListWorkers(const ListOptions& options = {}) const;
  Result<std::vector<TaskSummary>> SummarizeTasks() const;
  /// Numbers in Prometheus' text format, by Ray's names; empty in a process for tasks.
  std::string MetricsText() const;
  /// Writes what the lists know of the latest tasks as a trace (Ray: `ray timeline`).
  Status WriteTrace(const std::string& path) const;

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
    return Start<Value, detail::BoundTask<typename detail::TaskBase<R>::OfFunction, R (*)(Parameters...), Value,
                                          typename detail::StoredAs<Parameters, std::decay_t<Arguments>>::Type...>>(
        std::move(options), function, std::forward<Arguments>(arguments)...);
  }
  /// The parameters of a lambda can't be told: an ObjectRef always stands for its value.
  template <typename Plain, typename... Arguments, typename Function>
  auto SubmitCallable(std::shared_ptr<const TaskOptions> options, Function&& function, Arguments&&... arguments) {
    using R =
        typename detail::CallResult<Plain, typename detail::StoredAs<void, std::decay_t<Arguments>>::Type...>::type;
    using Value = typename detail::ResultOf<R>::Type;
    return Start<Value, detail::BoundTask<typename detail::TaskBase<R>::OfFunction, Plain, Value,
                                          typename detail::StoredAs<void, std::decay_t<Arguments>>::Type...>>(
        std::move(options), std::forward<Function>(function), std::forward<Arguments>(arguments)...);
  }
  template <typename Value, typename Task, typename... Arguments>
  auto Start(std::shared_ptr<const TaskOptions> options, Arguments&&... arguments) {
    static_assert(alignof(Task) <= detail::Pool::kAlignment,
                  "arguments and results of such alignment are not supported");
    auto* task = new Task(std::forward_as_tuple(*engine_, std::move(options)), std::forward<Arguments>(arguments)...);
    if constexpr (requires { typename Task::Element; }) {
      return ObjectRefGenerator<typename Task::Element>(
          detail::StartGenerator(*engine_, detail::Pointer<detail::GeneratorTask>::Adopt(task)));
    } else {
      ObjectRef<Value> reference(detail::ObjectPointer::Adopt(task));
      if (is_foreign_) [[unlikely]] {
        auto* result = new detail::TypedReceivedObject<Value>();
        ObjectRef<Value> received(detail::ObjectPointer::Adopt(result));
        engine_->SubmitToDriver(*task, *result);
        return received;
      }
      if (task->options() == nullptr) {
        task->Start();
      } else {
        StartWithOptions(*task);
      }
      return reference;
    }
  }
  template <typename T, size_t... I>
  auto Unpack(const ObjectRef<T>& whole, std::index_sequence<I...>) {
    using Elements = std::tuple<ObjectRef<std::tuple_element_t<I, T>>...>;
    if (is_foreign_) {
      const auto use = WaitForUse(whole.object(), Duration::max());
      return Elements(detail::CopyOfElement<T, I>(whole, use.ok() ? Status() : use.status())...);
    }
    return Elements(detail::ElementOf<T, I>(whole)...);
  }

  void StartWithOptions(detail::Task& task);
  template <typename T>
  static std::vector<detail::Object*> ObjectsOf(const std::vector<ObjectRef<T>>& references) {
    std::vector<detail::Object*> objects;
    objects.reserve(references.size());
    for (const auto& reference : references) objects.push_back(reference.object().get());
    return objects;
  }
  static TimePoint DeadlineOf(Duration timeout);
  static Duration Left(TimePoint deadline);
  /// Until there is something to look at, or why there is nothing.
  Status WaitFor(const detail::ObjectPointer& object, Duration timeout);
  /// With a value.
  Result<std::shared_ptr<const detail::ObjectUse>> WaitForUse(const detail::ObjectPointer& object, Duration timeout);
  Status WaitForAll(std::span<detail::Object* const> objects, Duration timeout);
  bool Contains(detail::Object& object);
  Status Free(const detail::ObjectPointer& object);
  Result<WaitResult> WaitForSome(std::span<detail::Object* const> objects, size_t count, Duration timeout);
  bool Cancel(detail::Object& object, const CancelOptions& options);
  /// Another actor that is meant instead.
  detail::Pointer<detail::ActorCore> StartActor(detail::ActorCore& actor,
                                                detail::Pointer<detail::CreationTask> creation);
  Result<detail::Pointer<detail::ActorCore>> FindActor(std::string_view name, const std::type_info& type);

  friend class compute::WorkerSession;
  friend class compute::NestedCalls;
  explicit Session(std::unique_ptr<detail::Engine> engine);

  struct NamedActors {
    ~NamedActors();
    std::shared_ptr<detail::ActorDirectory> directory;
  };
  struct Ending {
    ~Ending();
    std::shared_ptr<std::atomic<bool>> has_ended;
  };
  const Ending ending_;
  const NamedActors named_;
  const std::unique_ptr<detail::Engine> engine_;  // goes first
  const bool is_foreign_;
  const bool is_tracked_;
};

}  // namespace triune
