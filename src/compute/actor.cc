#include "triune/core/detail/actor.h"

#include "base/clock.h"
#include "compute/actor_coroutines.h"
#include "compute/actor_directory.h"
#include "compute/spin.h"
#include "compute/state/state_book.h"
#include "compute/task_error.h"
#include "triune/core/detail/actor_reference.h"

namespace triune::detail {
namespace {

constexpr uintptr_t kLocked = 1;
/// Then other work gets the thread.
constexpr int kCallsPerTurn = 64;

Status CopyOf(const Status& status) { return status; }

}  // namespace

uint64_t NewCallerId() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

uint64_t CallerId() {
  if (Frame* frame = current_frame) {
    // A constructor is the actor already.
    ActorCore* actor =
        frame->task.actor_creation() ? &static_cast<CreationTask&>(frame->task).actor_ : frame->task.actor();
    if (actor != nullptr && actor->serial()) return actor->caller_id();
    if (frame->caller == 0) frame->caller = NewCallerId();
    return frame->caller;
  }
  thread_local const uint64_t thread = NewCallerId();
  return thread;
}

ActorTask::ActorTask(ActorCore& actor, std::shared_ptr<const TaskOptions> options)
    : Task(actor, std::move(options)), actor_(actor), caller_(CallerId()) {
  elsewhere_ = actor.options().isolation == kProcess;
  actor_.Ref();
}

ActorTask::ActorTask(ActorCore& actor, std::shared_ptr<const TaskOptions> options, uint64_t caller)
    : Task(actor, std::move(options)), actor_(actor), caller_(caller), settled_(true) {
  elsewhere_ = actor.options().isolation == kProcess;
  actor_.Ref();
}

ActorTask::~ActorTask() {
  if (only_knows_) {
    actor_.ForgetIt();
  } else {
    actor_.Unref();
  }
}

void ActorTask::Run() noexcept {
  if (auto lease = actor_.needs_lease_ ? actor_.Lease() : nullptr) {
    lease->Around([this] { RunIfFirst(); });
  } else {
    RunIfFirst();
  }
  actor_.CallDone(*this);
  Unref();
}

bool ActorTask::RunForWaiter() noexcept {
  // Several at the same time: those that run are counted by the turn.
  if (!actor_.serial() || !actor_.TryRef()) return false;
  const bool ran = actor_.TakeQueuedTurn(this);
  actor_.Unref();
  return ran;
}

CreationTask::CreationTask(ActorCore& actor) : Task(actor, nullptr), actor_(actor) {
  actor_.KnowIt();
  keep_arguments_ = actor.options().max_restarts != 0;
  elsewhere_ = actor.options().isolation == kProcess;
}

int CreationTask::actor_concurrency() const noexcept { return actor_.options().max_concurrency; }

CreationTask::~CreationTask() { actor_.ForgetIt(); }

bool CreationTask::RunForWaiter() noexcept {
  if (!actor_.TryRef()) return false;
  const bool ran = actor_.TakeQueuedTurn(this);
  actor_.Unref();
  return ran;
}

void StartCall(ActorCore& actor, ActorTask& task) noexcept {
  Status status = actor.stands_for() ? Unimplemented("generators and DAGs of actors are not for tasks in processes")
                                     : actor.Admit();
  if (status.ok() && task.options() != nullptr && task.options()->reconstruct) {
    status = InvalidArgument("the result of a method can't be reconstructed: " + task.Name());
  }
  if (!status.ok()) {
    task.settled_ = true;
    task.Abandon(std::move(status));
  }
  task.Start();
  if (task.options() != nullptr && task.options()->timeout != Duration::max()) {
    actor.engine().AbandonAt(task, DeadlineAfter(Clock::System().Now(), task.options()->timeout));
  }
}

ActorCore::ActorCore(Engine& engine, ActorOptions options)
    : engine_(engine),
      options_(engine.resources().Captured(std::move(options))),
      id_(NewCallerId()),
      needs_lease_(!options_.AsksForNothing()) {
  state_book_ = engine.state_book();
  if (state_book_ != nullptr) state_book_->Ref();
}

ActorCore::~ActorCore() {
  if (state_book_ != nullptr) state_book_->Unref();
}

void ActorCore::SetLife(ActorLife life, const Status* why) noexcept {
  ActorLife before = life_.load(std::memory_order_relaxed);
  do {
    if (before == ActorLife::kDead || before == life) return;
    if (before == ActorLife::kNumber && life == ActorLife::kDead) return;  // refused: there never was one
  } while (!life_.compare_exchange_weak(before, life, std::memory_order_acq_rel));
  if (state_book_ != nullptr) state_book_->NoteActor(*this, before, life, restarts_, why);
}

bool ActorCore::TryRef() noexcept {
  uint32_t references = references_.load(std::memory_order_relaxed);
  while (references != 0) {
    if (references_.compare_exchange_weak(references, references + 1, std::memory_order_acq_rel)) return true;
  }
  return false;
}

void ActorCore::Unref() noexcept {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (directory_ != nullptr) directory_->Remove(*this);
  SetLife(ActorLife::kDead);
  EndInstance(false);
  EndLease();
  creation_ = {};
  ForgetIt();
}

void ActorCore::ForgetIt() noexcept {
  if (knowing_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

std::string ActorCore::Name() const {
  return "actor '" + (options_.name.empty() ? TypeName(type()) : options_.name) + "'";
}

void ActorCore::SetCreation(Pointer<CreationTask> creation) noexcept {
  creation_ = std::move(creation);
  creation_pending_ = true;
  Ref();  // until there is an actor, or it is known that there will be none
}

void ActorCore::Create() noexcept {
  SetLife(ActorLife::kDependenciesUnready);
  creation_->Start();
}

void ActorCore::Refuse(Status error) noexcept {
  creation_->is_uncounted_ = true;
  Die(CopyOf(error));
  creation_->Abandon(std::move(error));
  creation_->Start();
}

Status ActorCore::Admit() noexcept {
  if (is_closed_.load(std::memory_order_acquire)) return death_;
  if (options_.max_pending_calls == 0) return {};
  if (waiting_.fetch_add(1) < options_.max_pending_calls) return {};
  waiting_.fetch_sub(1);
  return compute::MakeError(
      ErrorKind::kPendingCallsLimit, StatusCode::kResourceExhausted,
      Name() + " has as many calls waiting as max_pending_calls allows: " + std::to_string(options_.max_pending_calls),
      Name());
}

void ActorCore::Enqueue(Task& task) noexcept {
  // All this may be gone when the task is queued.
  Engine* const held = task.must_wait() ? &engine_ : nullptr;
  if (task.actor_creation()) {
    SetLife(ActorLife::kPendingCreation);
    if (needs_lease_) {
      engine_.resources().Reserve(*this);
    } else {
      Abandoned(task);
    }
    task.Unref();
  } else {
    Put(static_cast<ActorTask&>(task));
  }
  if (held != nullptr) held->EndHolding();
}

// An argument may come from another session, whose tasks are not among those that this one's end waits for.
void ActorCore::Announce(Task& task) noexcept {
  engine_.BeginHolding();
  Abandoned(task);
}

void ActorCore::Dismiss(Task& task) noexcept {
  if (task.must_wait()) engine_.EndHolding();
}

void ActorCore::Abandoned(Task& task) noexcept {
  if (task.actor_creation()) {
    // Somebody may have seen to it already, and all who referred to the actor be gone.
    if (!TryRef()) return;
    Wake();
    Unref();
  } else if (!is_closed_.load(std::memory_order_acquire)) {
    task.Ref();
    Put(static_cast<ActorTask&>(task));
  }
}

void ActorCore::InterruptElsewhere(Task& task) noexcept { engine_.InterruptElsewhere(task); }

Status ActorCore::CallElsewhere(Task& task, int attempt) {
  if (task.actor_creation()) {
    TRIUNE_ASSIGN_OR_RETURN(host_, engine_.MakeActorHost(options().runtime_env));
    Status status = host_->Call(task, attempt);
    if (!status.ok()) host_.reset();
    return status;
  }
  // It may have died while nobody called. Then, as with one that dies during a call, there is another for those to
  // come.
  Status alive = host_->Alive();
  if (!alive.ok()) TRIUNE_RETURN_IF_ERROR(MakeAgain(std::move(alive)));
  Status status = host_->Call(task, attempt);
  alive = host_->Alive();
  if (alive.ok() || task.phase() == Task::kDone) return status;
  if (!can_restart()) return DieInCall(std::move(alive));
  return compute::MakeError(ErrorKind::kActorUnavailable, StatusCode::kUnavailable,
                            Name() + " is restarted: its process died during the call", Name(), std::move(status));
}

bool ActorCore::host_has_room() const noexcept {
  const size_t most = serial() ? kCallsPerTurn : static_cast<size_t>(options_.max_concurrency);
  return host_ == nullptr || host_->in_flight() < most + host_->loops();
}

void ActorCore::RunInHost(Pointer<ActorTask> task) noexcept {
  if (task->options() != nullptr && task->options()->retries > 0) {
    // It may be called several times, by itself.
    while (host_has_calls()) {
      if (kill_.load() != kNoKill) return AwaitHostBefore(std::move(task));
      AwaitHost();
    }
    BeginCall(*task);
    task->RunIfFirst();
    EndCall(*task);
    Settle(*task);
    return;
  }
  if (host_is_busy() && !host_->Alive().ok()) return AwaitHostBefore(std::move(task));
  if (!task->Claim()) return Settle(*task);
  {
    std::lock_guard lock(mutex_);
    running_.insert(task.get());
  }
  ActorTask& call = *task;
  std::ignore = task.Release();
  if (const Status* error = call.argument_error()) return EndCallInHost(call, CopyOf(*error));
  if (call.cancelled()) return EndCallInHost(call, Cancelled("the call was cancelled before it began"));
  Status alive = host_->Alive();
  if (!alive.ok()) {
    BeginCall(call);
    alive = MakeAgain(std::move(alive));
    EndCall(call);
    if (!alive.ok()) return EndCallInHost(call, std::move(alive));
  }
  Result<bool> sent = host_->Begin(call);
  if (!sent.ok()) return EndCallInHost(call, std::move(sent).status());
  if (*sent) return;
  {
    std::lock_guard lock(mutex_);
    running_.erase(&call);
  }
  auto waiting = Pointer<ActorTask>::Adopt(&call);
  if (!call.GiveBack()) return Settle(call);
  AwaitHostBefore(std::move(waiting));
}

void ActorCore::AwaitHostBefore(Pointer<ActorTask> task) noexcept {
  ActorTask& call = *task.Release();
  call.order_ = ActorTask::kItsTurn;
  call.next_ = std::exchange(outbox_, &call);
  AwaitHost();  // what it takes back comes before this one
}

void ActorCore::EndCallInHost(ActorTask& task, Status status) noexcept {
  {
    std::lock_guard lock(mutex_);
    running_.erase(&task);
  }
  task.Conclude(std::move(status));
  Settle(task);
  task.Unref();
}

void ActorCore::AwaitHost(bool though_killed, bool though_calls) noexcept {
  std::vector<ActorHost::Ended> ended;
  // While it waits, others may see to the rest of the actor: Kill.
  BeginCall(*creation_);
  awaited_host_.store(host_.get());
  // Whoever kills it sets that first, and then interrupts.
  const bool calls_have_come = !though_calls && inbox_.load() != nullptr && host_has_room();
  if (!calls_have_come && (though_killed || kill_.load() == kNoKill)) host_->Await(ended);
  awaited_host_.store(nullptr);
  EndCall(*creation_);
  Status alive = host_->Alive();
  if (!alive.ok() && !ended.empty() && !can_restart() && kill_.load() == kNoKill) {
    std::ignore = DieInCall(CopyOf(alive));
  }
  for (auto& [task, status] : ended) {
    const TaskError* error = alive.ok() ? nullptr : TaskError::Of(status);
    if (error != nullptr && (error->kind == ErrorKind::kWorkerCrashed || error->kind == ErrorKind::kOutOfMemory)) {
      status = is_closed_.load() ? CopyOf(death_)
                                 : compute::MakeError(ErrorKind::kActorUnavailable, StatusCode::kUnavailable,
                                                      Name() + " is restarted: its process died during the call",
                                                      Name(), std::move(status));
    }
    EndCallInHost(static_cast<ActorTask&>(*task), std::move(status));
  }
  if (alive.ok()) return;
  TakeBackFromHost();  // for the next one
}

void ActorCore::TakeBackFromHost() noexcept {
  Runnable* rest = outbox_;
  ActorTask* last = nullptr;
  for (Task* task : host_->TakeBack()) {
    auto& call = static_cast<ActorTask&>(*task);
    {
      std::lock_guard lock(mutex_);
      running_.erase(&call);
    }
    if (is_closed_.load()) call.Abandon(CopyOf(death_));
    if (!call.GiveBack()) {
      Settle(call);
      call.Unref();
      continue;
    }
    call.order_ = ActorTask::kItsTurn;
    if (last == nullptr) {
      outbox_ = &call;
    } else {
      last->next_ = &call;
    }
    call.next_ = rest;
    last = &call;
  }
}

void ActorCore::EndCallsInHost(const Status& why) noexcept {
  if (!host_is_busy()) return;
  TakeBackFromHost();
  std::vector<Pointer<Task>> running;
  {
    std::lock_guard lock(mutex_);
    for (ActorTask* task : running_) running.emplace_back(Pointer<Task>(task));
  }
  for (auto& task : running) task->Abandon(CopyOf(why));
  while (host_is_busy()) AwaitHost(true);
}

Status ActorCore::MakeAgain(Status why) {
  if (can_restart()) {
    ++restarts_;
    SetLife(ActorLife::kRestarting);
    EndInstance(true);
    Status status = creation_->Try(restarts_, false);
    if (status.ok()) SetLife(ActorLife::kAlive);
    if (status.ok()) return {};
    why = std::move(status);
  }
  return DieInCall(std::move(why));
}

Status ActorCore::DieInCall(Status why) {
  const std::string message = Name() + " has died: " + std::string(why.message());
  Status death = compute::MakeError(ErrorKind::kActorDied, StatusCode::kUnavailable, message, Name(), std::move(why));
  if (Task* task = LockCurrent()) {
    Die(CopyOf(death));
    UnlockCurrent(*task);
  } else {
    Die(CopyOf(death));  // in the turn, between calls
  }
  return death;
}

bool ActorCore::can_restart() const noexcept {
  return (creation_->elsewhere() || creation_->repeatable()) && !is_closed_.load() &&
         (options_.max_restarts < 0 || restarts_ < options_.max_restarts);
}

void ActorCore::EndInstance(bool at_once) noexcept {
  if (host_ == nullptr) return DestroyInstance();
  host_->Stop(at_once);
  host_.reset();
}

void ActorCore::Put(ActorTask& task) noexcept {
  if (task.listed_.exchange(true)) {
    task.Unref();
    return;
  }
  // The call may be run at once on another thread, and be the last to refer to the actor.
  const Pointer<ActorCore> self(this);
  ActorTask* head = inbox_.load(std::memory_order_relaxed);
  do {
    task.next_ = head;
  } while (!inbox_.compare_exchange_weak(head, &task));
  // Before there is a lease nothing can be run; then somebody looks here.
  if (head == nullptr && (!needs_lease_ || has_lease_.load())) Wake();
  // A call that has come in while a method would not return: nobody has the turn to take it out again.
  if (is_closed_.load()) FailInbox();
}

void ActorCore::Wake() noexcept {
  uint32_t turn = turn_.load();
  while (true) {
    if (turn == kAgain && has_loop_.load()) return TellOfCalls();
    if (turn == kQueued || turn == kAgain) return;
    if (turn_.compare_exchange_weak(turn, turn == kNone ? kQueued : kAgain)) break;
  }
  if (turn == kNone) {
    QueueTurn();
  } else if (has_loop_.load()) {
    TellOfCalls();
  }
}

void ActorCore::TellOfCalls() noexcept {
  // Where another has the lock, perhaps further up on this stack, it is killed, or it was a moment of bad luck.
  uintptr_t word = current_.load();
  while (word != 0 && (word & kLocked) == 0) {
    if (!current_.compare_exchange_weak(word, word | kLocked)) continue;
    if (ActorHost* host = awaited_host_.load()) host->Interrupt();
    current_.store(word);
    return;
  }
}

void ActorCore::QueueTurn() noexcept {
  // Where a waiting thread took the turn, what was queued for it is still there, and will do.
  if (in_pool_.exchange(true)) return;
  Ref();
  Schedule(*this);
}

void ActorCore::Schedule(Runnable& work) noexcept {
  if (needs_lease_) {
    if (auto lease = Lease()) return lease->Schedule(work);
  }
  engine_.Schedule(work);
}

void ActorCore::Granted(std::shared_ptr<ActorLease> lease) noexcept {
  bool is_late;
  {
    std::lock_guard lock(mutex_);
    is_late = lease_is_over_;
    if (!is_late) lease_ = lease;
  }
  if (is_late) lease->Release();
  has_lease_.store(true);
  Wake();
}

std::shared_ptr<ActorLease> ActorCore::Lease() noexcept {
  std::lock_guard lock(mutex_);
  return lease_;
}

void ActorCore::EndLease() noexcept {
  if (!needs_lease_) return;
  std::shared_ptr<ActorLease> lease;
  {
    std::lock_guard lock(mutex_);
    lease_is_over_ = true;
    lease = std::move(lease_);
    lease_ = nullptr;
  }
  if (lease != nullptr) lease->Release();
}

void ActorCore::Run() noexcept {
  in_pool_.exchange(false);
  TakeQueuedTurn(nullptr);
  Unref();
}

bool ActorCore::DropIfStale() noexcept {
  if (turn_.load() == kQueued) return false;
  in_pool_.exchange(false);
  // It may have been queued again, relying on what is being taken out here.
  if (turn_.load() == kQueued && !in_pool_.exchange(true)) return false;
  Unref();
  return true;
}

bool ActorCore::TryRunNow(ActorTask& task) noexcept {
  uint32_t nobody = kNone;
  if (!serial() || !turn_.compare_exchange_strong(nobody, kRunning)) return false;
  const bool may_run = SeeToInstance() && kill_.load() == kNoKill;
  if (may_run) RunCall(Pointer<ActorTask>(&task));
  TakeTurn(&task);
  return may_run;
}

bool ActorCore::TakeQueuedTurn(const Object* until) noexcept {
  uint32_t queued = kQueued;
  if (!turn_.compare_exchange_strong(queued, kRunning)) return false;
  TakeTurn(until);
  return until != nullptr && until->ready();
}

void ActorCore::TakeTurn(const Object* until) noexcept {
  if (needs_lease_) {
    if (auto lease = Lease()) return lease->Around([this, until] { TakeTurnWith(true, until); });
  }
  TakeTurnWith(false, until);
}

void ActorCore::TakeTurnWith(bool lease, const Object* until) noexcept {
  turn_has_lease_ = lease;
  for (int calls = 0;; ++calls) {
    const bool has_instance = SeeToInstance();
    const bool may_run_calls = has_instance && !is_full();
    const bool is_enough = calls >= kCallsPerTurn || (until != nullptr && until->ready());
    const bool may_resume = has_instance && coroutines_ != nullptr;
    if (is_enough && ((may_run_calls && (outbox_ != nullptr || inbox_.load() != nullptr || host_is_busy())) ||
                      (may_resume && coroutines_->AnyDue()))) {
      turn_.store(kQueued);
      QueueTurn();
      return;
    }
    if (may_resume && ResumeOne()) continue;
    if (ActorTask* task = may_run_calls && host_has_room() ? Take() : nullptr) {
      if (kill_.load() == kNoKill) {
        Handle(*task);
      } else {
        // It may have been made after the kill.
        task->next_ = outbox_;
        outbox_ = task;
      }
      if (coroutines_ != nullptr) CollectDue();
      continue;
    }
    if (may_resume && CollectDue()) continue;
    if (host_is_busy()) {
      AwaitHost(false, !has_loop_.load());
      continue;
    }
    if (needs_lease_ && !lease && has_lease_.load() && creation_pending_) {
      // It has come meanwhile.
      turn_.store(kQueued);
      QueueTurn();
      return;
    }
    uint32_t running = kRunning;
    if (turn_.compare_exchange_strong(running, kNone)) return;
    turn_.store(kRunning);  // somebody has woken it meanwhile
  }
}

bool ActorCore::SeeToInstance() noexcept {
  if (kill_.load() != kNoKill && !SeeToKill()) return false;
  if (!creation_pending_) return true;
  const Task::Phase phase = creation_->phase();
  if (phase == Task::kWaiting || (phase == Task::kQueued && needs_lease_ && !turn_has_lease_)) return false;
  Construct();
  if (!has_instance_) EndLease();
  creation_pending_ = false;
  Unref();  // whoever has the turn has one, too
  return true;
}

void ActorCore::Construct() noexcept {
  creation_->SetCaptures(options_.capture_child_tasks && options_.placement_group);
  BeginCall(*creation_);
  creation_->RunIfFirst();
  EndCall(*creation_);
  if (creation_->ready() && creation_->status().ok()) return SetLife(ActorLife::kAlive);
  EndInstance(true);  // abandoned while the constructor ran
  if (is_closed_.load()) return;
  const Status cause = creation_->ready() ? creation_->status() : Status();
  Die(compute::MakeError(ErrorKind::kActorDied, StatusCode::kUnavailable,
                         Name() + " could not be made: " + std::string(cause.message()), Name(), cause));
}

bool ActorCore::SeeToKill() noexcept {
  if (active_.load() != 0) {
    // Nobody knows when those that run return: the others need not wait for that.
    if (kill_.load() == kForGood && !is_closed_.load()) Die(Killed());
    AbandonCoroutines(kill_.load() == kForGood ? Killed() : Restarted());
    return false;
  }
  if (creation_pending_ && kill_.load() == kRestart) {
    // There is nothing yet that could be made anew.
    uint32_t request = kRestart;
    return kill_.compare_exchange_strong(request, kNoKill) || SeeToKill();
  }
  const bool may_restart = can_restart();
  const uint32_t request = kill_.exchange(kNoKill);
  const Status why = request == kRestart && may_restart ? Restarted() : Killed();
  EndCallsInHost(why);
  EndCoroutines(why);
  EndInstance(true);
  if (creation_pending_) creation_->Abandon(Killed());
  if (request == kRestart && may_restart && !creation_pending_) {
    ++restarts_;
    SetLife(ActorLife::kRestarting);
    Status status = creation_->Try(restarts_, false);
    if (status.ok()) SetLife(ActorLife::kAlive);
    if (status.ok()) return true;
    Die(compute::MakeError(ErrorKind::kActorDied, StatusCode::kUnavailable,
                           Name() + " could not be made again: " + std::string(status.message()), Name(),
                           std::move(status)));
  } else {
    Die(Killed());
  }
  EndLease();
  return true;
}

Status ActorCore::Restarted() const {
  return compute::MakeError(ErrorKind::kActorUnavailable, StatusCode::kUnavailable,
                            Name() + " was restarted while the call ran", Name());
}

Status ActorCore::Killed() const {
  std::string message = Name() + " was killed";
  if (group_removed_.load()) message += ": its placement group was removed";
  return compute::MakeError(ErrorKind::kActorDied, StatusCode::kUnavailable, std::move(message), Name());
}

void ActorCore::PlacementGroupRemoved() noexcept {
  group_removed_.store(true);
  Kill(false);
}

void ActorCore::Die(Status why) noexcept {
  if (!is_closed_.load()) {
    death_ = std::move(why);
    is_closed_.store(true);
    SetLife(ActorLife::kDead, &death_);
  }
  if (directory_ != nullptr) directory_->Remove(*this);
  FailWaiting();
}

ActorTask* ActorCore::Take() noexcept {
  if (outbox_ == nullptr) {
    // Latest first: turned round.
    for (ActorTask* task = inbox_.exchange(nullptr); task != nullptr;) {
      auto* next = static_cast<ActorTask*>(task->next_);
      task->next_ = outbox_;
      outbox_ = task;
      task = next;
    }
  }
  if (outbox_ == nullptr) return nullptr;
  ActorTask* task = outbox_;
  outbox_ = static_cast<ActorTask*>(task->next_);
  return task;
}

void ActorCore::Handle(ActorTask& task) noexcept {
  auto call = Pointer<ActorTask>::Adopt(&task);
  task.listed_.store(false);
  const uint64_t caller = task.caller_;
  const bool others_wait = held_back_ != nullptr && held_back_->contains(caller);
  if (task.order_ == ActorTask::kItsTurn || (task.phase() != Task::kWaiting && !others_wait)) {
    RunCall(std::move(call));
    return;
  }
  // Its arguments are not ready, or it comes after one whose are not. It may be in the list already, and be here
  // because that has changed.
  if (std::exchange(task.order_, ActorTask::kHeldBack) != ActorTask::kHeldBack) {
    if (held_back_ == nullptr) held_back_ = std::make_unique<HeldBack>();
    (*held_back_)[caller].push_back(std::move(call));
  }
  auto found = held_back_->find(caller);
  auto& calls = found->second;
  // Those that can run come next, in their order.
  Runnable* rest = outbox_;
  ActorTask* last = nullptr;
  while (!calls.empty() && calls.front()->phase() != Task::kWaiting) {
    if (calls.front()->listed_.exchange(true)) break;  // it is on its way here, and will get it going
    ActorTask* next = calls.front().Release();
    calls.pop_front();
    next->order_ = ActorTask::kItsTurn;
    if (last == nullptr) {
      outbox_ = next;
    } else {
      last->next_ = next;
    }
    next->next_ = rest;
    last = next;
  }
  if (calls.empty()) held_back_->erase(found);
}

void ActorCore::RunCall(Pointer<ActorTask> task) noexcept {
  if (is_closed_.load() || task->phase() == Task::kDone) {
    if (is_closed_.load()) task->Abandon(CopyOf(death_));
    Settle(*task);
  } else if (hosted()) {
    if (needs_lease_) task->SetCaptures(options_.capture_child_tasks && options_.placement_group);
    RunInHost(std::move(task));
  } else if (task->async_call() != nullptr) {
    RunCoroutine(std::move(task));
  } else if (serial()) {
    if (needs_lease_) task->SetCaptures(options_.capture_child_tasks && options_.placement_group);
    BeginCall(*task);
    task->RunIfFirst();
    EndCall(*task);
    Settle(*task);
  } else {
    active_.fetch_add(1);
    {
      std::lock_guard lock(mutex_);
      running_.insert(task.get());
    }
    if (needs_lease_) task->SetCaptures(options_.capture_child_tasks && options_.placement_group);
    Schedule(*task.Release());
  }
}

void ActorCore::CallDone(ActorTask& task) noexcept {
  {
    std::lock_guard lock(mutex_);
    running_.erase(&task);
  }
  active_.fetch_sub(1);
  Wake();
  Settle(task);
}

void ActorCore::Settle(ActorTask& task) noexcept {
  if (options_.max_pending_calls != 0 && !task.settled_.exchange(true)) waiting_.fetch_sub(1);
  // Those that it has submitted keep the task, but must not keep the actor: they may wait for what it has.
  if ((task.children_.load(std::memory_order_relaxed) & ~uintptr_t{1}) == 0 || task.only_knows_) return;
  KnowIt();
  task.only_knows_ = true;
  Unref();
}

void ActorCore::EndCall(Task& task) noexcept {
  compute::Spinner spinner;
  const auto word = reinterpret_cast<uintptr_t>(&task);
  uintptr_t expected = word;
  while (!current_.compare_exchange_weak(expected, 0)) {
    expected = word;
    spinner.Pause();
  }
}

Task* ActorCore::LockCurrent() noexcept {
  compute::Spinner spinner;
  uintptr_t word = current_.load();
  while (word != 0) {
    if ((word & kLocked) == 0 && current_.compare_exchange_weak(word, word | kLocked)) {
      return reinterpret_cast<Task*>(word);
    }
    spinner.Pause();
    word = current_.load();
  }
  return nullptr;
}

void ActorCore::Kill(bool restart) noexcept {
  if (stands_for_) return engine_.driver_actors()->Kill(*this, restart);
  const bool for_good = !restart || options_.max_restarts == 0;
  uint32_t request = for_good ? kForGood : kRestart;
  uint32_t before = kill_.load();
  while (before < request && !kill_.compare_exchange_weak(before, request)) {
  }
  // Whoever has the turn may see to the rest later; the name is free at once.
  if (for_good && directory_ != nullptr) directory_->Remove(*this);
  auto why = [&] { return for_good ? Killed() : Restarted(); };
  std::vector<Pointer<Task>> running;
  // While a method runs in the turn, whoever has that touches nothing; it may be long before it does again.
  if (Task* task = LockCurrent()) {
    // A constructor that runs makes a new one in any case.
    if (for_good || !task->actor_creation()) running.emplace_back(task);
    if (coroutines_ != nullptr) {
      for (ActorTask* waiting : coroutines_->in_progress) running.emplace_back(Pointer<Task>(waiting));
    }
    if (for_good) Die(why());
    if (ActorHost* host = awaited_host_.load()) host->Interrupt();
    UnlockCurrent(*task);
  }
  // Where it has a process of its own, whoever has the turn knows which of the calls have begun.
  if (!serial() && !hosted()) {
    std::lock_guard lock(mutex_);
    for (ActorTask* task : running_) running.emplace_back(Pointer<Task>(task));
  }
  for (auto& task : running) task->Abandon(why());
  Wake();
  // All threads may be busy, for as long as they like, and those that wait are to hear of it now. No call is run here.
  if (for_good) TakeQueuedTurn(nullptr);
}

void ActorCore::FailInbox() noexcept {
  // A call that fails may bring the next, which waited for its result: one after the other, not one inside the other.
  struct Failing {
    ActorCore* actor;
    Failing* outer;
  };
  thread_local constinit Failing* this_thread = nullptr;
  for (Failing* outer = this_thread; outer != nullptr; outer = outer->outer) {
    if (outer->actor == this) return;
  }
  Failing failing{.actor = this, .outer = this_thread};
  this_thread = &failing;
  while (ActorTask* task = inbox_.exchange(nullptr)) {
    while (task != nullptr) {
      auto* next = static_cast<ActorTask*>(task->next_);
      auto call = Pointer<ActorTask>::Adopt(task);
      call->listed_.store(false);
      call->Abandon(CopyOf(death_));
      Settle(*call);
      task = next;
    }
  }
  this_thread = failing.outer;
}

void ActorCore::FailWaiting() noexcept {
  while (outbox_ != nullptr) {
    auto call = Pointer<ActorTask>::Adopt(outbox_);
    outbox_ = static_cast<ActorTask*>(call->next_);
    call->Abandon(CopyOf(death_));
    Settle(*call);
  }
  if (auto all = std::move(held_back_)) {
    for (auto& [caller, calls] : *all) {
      for (auto& call : calls) {
        call->Abandon(CopyOf(death_));
        Settle(*call);
      }
    }
  }
  FailInbox();
}

}  // namespace triune::detail
