// An object that runs calls one after the other, and the calls that wait for it.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "triune/core/actor_options.h"
#include "triune/core/detail/bound_task.h"
#include "triune/core/detail/engine.h"
#include "triune/core/detail/state_book.h"
#include "triune/core/detail/task.h"

namespace triune::detail {

class ActorCore;
class ActorDirectory;

/// Identifies who calls: an actor, a task, or a thread outside of them. Calls of one caller are kept in order.
uint64_t CallerId();
/// One that nobody has yet.
uint64_t NewCallerId();

/// A call of a method.
class ActorTask : public Task {
 public:
  ActorTask(ActorCore& actor, std::shared_ptr<const TaskOptions> options);
  /// A call of that caller, which does not count as one that waits.
  ActorTask(ActorCore& actor, std::shared_ptr<const TaskOptions> options, uint64_t caller);
  ActorCore* actor() noexcept final { return &actor_; }
  /// As one of several calls that run at the same time.
  void Run() noexcept final;
  Task* batchable() noexcept final { return nullptr; }
  bool RunForWaiter() noexcept final;

 protected:
  ~ActorTask() override;
  void Renew(Phase phase) noexcept {
    order_ = kAsItComes;
    Task::Renew(phase);
  }

 private:
  friend class ActorCore;
  friend void StartCall(ActorCore& actor, ActorTask& task) noexcept;
  ActorCore& actor_;
  const uint64_t caller_;
  std::atomic<bool> settled_{false};  ///< Does not count as waiting any more.
  bool only_knows_ = false;           ///< The actor: it is over, and its children may still refer to it.
  /// kHeldBack: behind a call whose arguments are not ready, or such a call. kItsTurn: no longer.
  enum Order : uint8_t { kAsItComes, kHeldBack, kItsTurn };
  Order order_ = kAsItComes;  ///< Of the actor's turn.
};

/// The task that constructs an actor. It may be all that is left of it later.
class CreationTask : public Task {
 public:
  explicit CreationTask(ActorCore& actor);
  bool actor_creation() const noexcept final { return true; }
  int actor_concurrency() const noexcept final;
  bool RunForWaiter() noexcept final;
  /// Which may be going, or gone but for its memory.
  ActorCore& created() const noexcept { return actor_; }

 protected:
  ~CreationTask() override;

 private:
  friend class ActorCore;
  friend uint64_t CallerId();
  ActorCore& actor_;  ///< Counts as one that knows it, no more.
};

/// What does not depend on the type of the actor. Calls are put into a list that anybody adds to; whoever has the turn
/// takes them out and runs them. Counted; it lives as long as handles, calls or the session refer to it. Thread-safe.
class ActorCore : public Runnable, public TaskRunner {
 public:
  ActorCore(Engine& engine, ActorOptions options);
  ActorCore(const ActorCore&) = delete;
  ActorCore& operator=(const ActorCore&) = delete;

  void Ref() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  /// False when it is going, or gone.
  bool TryRef() noexcept;
  void Unref() noexcept;
  /// For those who may only ask whether it is still there: its memory stays.
  void KnowIt() noexcept { knowing_.fetch_add(1, std::memory_order_relaxed); }
  void ForgetIt() noexcept;

  /// Once, before anybody else knows the actor. Then Create, or Refuse with the reason why there is none.
  void SetCreation(Pointer<CreationTask> creation) noexcept;
  void Create() noexcept;
  void Refuse(Status error) noexcept;
  CreationTask& creation() const noexcept { return *creation_; }
  /// Runs a queued call at once, on this thread, if nobody has the turn. False, and nothing was done with the call,
  /// when it must go the usual way.
  bool TryRunNow(ActorTask& task) noexcept;
  /// OK, or why the actor takes no more calls.
  Status Death() const { return is_closed_.load(std::memory_order_acquire) ? death_ : Status(); }
  /// Before a call is made: OK, or why no more are taken.
  Status Admit() noexcept;
  /// Calls that wait or run fail. With `restart` those that wait do not, and there is a new actor for them, as long as
  /// the options allow one.
  void Kill(bool restart) noexcept;
  /// A call whose coroutine waits can go on. Takes over a reference.
  void ResumeSoon(ActorTask& task) noexcept;
  /// Kills it for good: what it has is needed no more.
  void PlacementGroupRemoved() noexcept;
  /// Once: it has what its options ask for.
  void Granted(std::shared_ptr<ActorLease> lease) noexcept;

  /// In a process for tasks: the driver's actor that it stands for. Nothing runs here then.
  const ObjectPointer& stands_for() const noexcept { return stands_for_; }
  void StandFor(ObjectPointer actor) noexcept { stands_for_ = std::move(actor); }
  /// Where the A is, when there is one in this process.
  virtual void* instance_address() noexcept = 0;

  /// Before a compiled DAG puts a loop into its process: from then on whoever has the turn waits there, and is to be
  /// told of calls that come.
  void HasLoop() noexcept { has_loop_.store(true); }

  const ActorOptions& options() const noexcept { return options_; }
  Engine& engine() const noexcept { return engine_; }
  /// For people: "actor 'name'", or with the name of the type.
  std::string Name() const;
  virtual const std::type_info& type() const noexcept = 0;
  uint64_t caller_id() const noexcept { return id_; }
  bool serial() const noexcept { return options_.max_concurrency <= 1; }
  /// In which the actor is listed; it takes itself out.
  void SetDirectory(std::shared_ptr<ActorDirectory> directory) { directory_ = std::move(directory); }

  void Run() noexcept final;
  bool DropIfStale() noexcept final;
  void Enqueue(Task& task) noexcept final;
  void Announce(Task& task) noexcept final;
  void Dismiss(Task& task) noexcept final;
  void Abandoned(Task& task) noexcept final;
  Session* session() noexcept final { return engine_.session(); }
  void InterruptElsewhere(Task& task) noexcept final;
  Status CallElsewhere(Task& task, int attempt) final;

 protected:
  virtual ~ActorCore();
  virtual void DestroyInstance() noexcept = 0;
  bool has_instance_ = false;

 private:
  // Where there would be padding.
  bool creation_pending_ = false;  ///< Of whoever has the turn.
  /// kNumber: none, before it is created. kDead is for good.
  std::atomic<ActorLife> life_{ActorLife::kNumber};
  std::atomic<uint32_t> active_{0};  ///< Calls that run at the same time, without the turn.

  friend class ActorTask;
  friend class CreationTask;
  /// Whose turn it is. kAgain: running, and there is more to do.
  enum Turn : uint32_t { kNone, kQueued, kRunning, kAgain };
  enum KillRequest : uint32_t { kNoKill, kRestart, kForGood };
  using HeldBack = std::unordered_map<uint64_t, std::deque<Pointer<ActorTask>>>;

  /// `why`: when it is dead.
  void SetLife(ActorLife life, const Status* why = nullptr) noexcept;
  void Put(ActorTask& task) noexcept;
  void Wake() noexcept;
  void QueueTurn() noexcept;
  bool TakeQueuedTurn(const Object* until) noexcept;
  /// Runs calls until there are none, or `until` is ready, or others should have the thread.
  void TakeTurn(const Object* until) noexcept;
  void TakeTurnWith(bool lease, const Object* until) noexcept;
  ActorTask* Take() noexcept;
  void Handle(ActorTask& task) noexcept;
  void RunCall(Pointer<ActorTask> task) noexcept;
  void RunCoroutine(Pointer<ActorTask> task) noexcept;
  /// Goes on with one that is due; false when there is none. All that are due come before the next new call.
  bool ResumeOne() noexcept;
  bool CollectDue() noexcept;
  void Resume(Pointer<ActorTask> task) noexcept;
  /// Those that wait fail. They come once more, to be destroyed.
  void AbandonCoroutines(const Status& why) noexcept;
  /// And are destroyed.
  void EndCoroutines(const Status& why) noexcept;
  void CallDone(ActorTask& task) noexcept;
  /// The call is over. May let go of the actor.
  void Settle(ActorTask& task) noexcept;
  /// False when calls must wait, for the constructor or for those that run in an actor that is to end.
  bool SeeToInstance() noexcept;
  bool SeeToKill() noexcept;
  void Construct() noexcept;
  void Die(Status why) noexcept;
  Status Killed() const;
  Status Restarted() const;
  /// Destroys the actor; at once, where that can be done: in a process of its own.
  void EndInstance(bool at_once) noexcept;
  /// In a call, when the process of the actor is gone: makes another, or dies.
  Status MakeAgain(Status why);
  Status DieInCall(Status why);
  bool hosted() const noexcept { return options_.isolation == kProcess; }
  bool host_is_busy() const noexcept { return host_ != nullptr && host_->in_flight() > 0; }
  bool host_has_calls() const noexcept { return host_ != nullptr && host_->in_flight() > host_->loops(); }
  /// Whoever has the turn and waits for the process looks for calls.
  void TellOfCalls() noexcept;
  bool host_has_room() const noexcept;
  /// Puts a call on its way to the process, where it is one of several.
  void RunInHost(Pointer<ActorTask> task) noexcept;
  /// The call comes next, but some must end before.
  void AwaitHostBefore(Pointer<ActorTask> task) noexcept;
  /// Sees to calls that have ended there. Not `though_calls` have come.
  void AwaitHost(bool though_killed = false, bool though_calls = true) noexcept;
  void EndCallInHost(ActorTask& task, Status status) noexcept;
  /// All calls that run there fail; those that have not begun come next.
  void EndCallsInHost(const Status& why) noexcept;
  void TakeBackFromHost() noexcept;
  bool can_restart() const noexcept;
  /// Null when there is none yet, or no more.
  std::shared_ptr<ActorLease> Lease() noexcept;
  void EndLease() noexcept;
  void Schedule(Runnable& work) noexcept;
  void FailInbox() noexcept;
  void FailWaiting() noexcept;
  void BeginCall(Task& task) noexcept { current_.store(reinterpret_cast<uintptr_t>(&task)); }
  void EndCall(Task& task) noexcept;
  /// The task that runs, or null; then the lock is not taken.
  Task* LockCurrent() noexcept;
  void UnlockCurrent(Task& task) noexcept { current_.store(reinterpret_cast<uintptr_t>(&task)); }
  /// Whether as many calls are in progress as may be.
  bool is_full() const noexcept { return (coroutines_ != nullptr || !serial()) && HasMostInProgress(); }
  bool HasMostInProgress() const noexcept;

  /// Calls that are coroutines.
  struct Coroutines;

  Engine& engine_;
  const ActorOptions options_;
  const uint64_t id_;
  std::atomic<uint32_t> references_{1};
  std::atomic<uint32_t> knowing_{1};  ///< All who refer to it count as one.
  std::atomic<uint32_t> turn_{kNone};
  std::atomic<uint32_t> kill_{kNoKill};
  int restarts_ = 0;                        ///< Of whoever has the turn, as outbox_.
  std::atomic<size_t> waiting_{0};          ///< Calls that are not over; counted when there is a limit.
  std::atomic<ActorTask*> inbox_{nullptr};  ///< Latest first.
  std::atomic<uintptr_t> current_{0};       ///< What runs in the turn; the lowest bit is a lock.
  std::atomic<bool> in_pool_{false};        ///< In a queue of the engine.
  std::atomic<bool> has_loop_{false};       ///< Of a compiled DAG, in its process; or had.
  std::atomic<bool> is_closed_{false};      ///< No more calls: death_ says why.
  // What it asks for beyond a thread now and then.
  const bool needs_lease_;
  bool turn_has_lease_ = false;         ///< Of whoever has the turn.
  std::atomic<bool> has_lease_{false};  ///< Has, or had.
  std::atomic<bool> group_removed_{false};
  bool lease_is_over_ = false;  ///< Under mutex_, as is the next.
  std::shared_ptr<ActorLease> lease_;
  // Of whoever has the turn; or, while a call runs in the turn, of whoever has the lock.
  ActorTask* outbox_ = nullptr;  ///< Taken from the inbox, earliest first.
  std::unique_ptr<HeldBack> held_back_;
  std::unique_ptr<Coroutines> coroutines_;  ///< From the first on.
  Pointer<CreationTask> creation_;
  ObjectPointer stands_for_;
  Status death_;
  std::atomic<ActorHost*> awaited_host_{nullptr};  ///< While whoever has the turn waits for it.
  std::unique_ptr<ActorHost> host_;                ///< When it has a process of its own.
  std::shared_ptr<ActorDirectory> directory_;
  std::mutex mutex_;
  std::unordered_set<ActorTask*> running_;  ///< When not serial.
};

/// A call that is refused fails at once.
void StartCall(ActorCore& actor, ActorTask& task) noexcept;

/// Constructs the actor.
template <typename Cell>
struct Construct {
  Cell* cell;
  template <typename... Arguments>
    requires std::is_constructible_v<typename Cell::Actor, Arguments...>
  void operator()(Arguments&&... arguments) const {
    cell->Emplace(std::forward<Arguments>(arguments)...);
  }
  std::string Name() const { return TypeName(typeid(typename Cell::Actor)) + " constructor"; }
  RemoteKey Remote() const { return ConstructorKeyOf<typename Cell::Actor>(); }
};

template <typename A>
class ActorCell final : public ActorCore {
 public:
  using Actor = A;
  using ActorCore::ActorCore;
  const std::type_info& type() const noexcept override { return typeid(A); }
  A& instance() noexcept { return instance_.get(); }
  void* instance_address() noexcept override { return &instance_.get(); }
  template <typename... Arguments>
  void Emplace(Arguments&&... arguments) {
    instance_.Emplace(std::forward<Arguments>(arguments)...);
    has_instance_ = true;
  }

  static void* operator new(size_t size) { return Pool::Allocate(size); }
  static void operator delete(void* memory, size_t size) noexcept { Pool::Free(memory, size); }

 private:
  static_assert(alignof(A) <= Pool::kAlignment, "actors of such alignment are not supported");
  ~ActorCell() override { DestroyInstance(); }
  void DestroyInstance() noexcept override {
    if (!std::exchange(has_instance_, false)) return;
    if constexpr (std::is_nothrow_destructible_v<A>) {
      instance_.Destroy();
    } else {
      try {
        instance_.get().~A();
      } catch (...) {
        // Nobody is left to be told.
      }
    }
  }
  Slot<A> instance_;
};

/// Calls a method of an actor.
template <typename Method, typename A>
struct MethodCall {
  ActorCell<A>* cell;
  Method method;
  template <typename... Arguments>
    requires std::is_invocable_v<Method, A&, Arguments...>
  decltype(auto) operator()(Arguments&&... arguments) const {
    return std::invoke(method, cell->instance(), std::forward<Arguments>(arguments)...);
  }
  std::string Name() const { return TypeName(typeid(A)) + " method"; }
  RemoteKey Remote() const { return RemoteKeyOf(method, &typeid(A)); }
};

}  // namespace triune::detail
