// What a session runs on.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "triune/core/detail/alarm.h"
#include "triune/core/detail/object.h"
#include "triune/core/detail/received_object.h"
#include "triune/core/detail/resources.h"
#include "triune/core/detail/runnable.h"
#include "triune/core/detail/task.h"
#include "triune/time.h"

namespace triune::compute {
class SessionState;
}

namespace triune::detail {

/// Where an actor lives that has a process of its own. Of whoever has the actor's turn.
class ActorHost {
 public:
  virtual ~ActorHost() = default;
  /// Calls its constructor, first, or a method of it, while no other call is on its way.
  virtual Status Call(Task& task, int attempt) = 0;
  /// Puts the call of a method on its way. False when there is no room before others have ended; an error when it can't
  /// be sent.
  virtual Result<bool> Begin(Task& task) = 0;
  struct Ended {
    Task* task;
    Status status;
  };
  /// Waits until calls have ended; some ended when the process did. May return none.
  virtual void Await(std::vector<Ended>& ended) = 0;
  /// On any thread: Await returns soon.
  virtual void Interrupt() noexcept = 0;
  /// Calls that have not begun, in their order.
  virtual std::vector<Task*> TakeBack() = 0;
  virtual size_t in_flight() const noexcept = 0;
  /// How many of them are the loops of compiled DAGs, which end with those.
  virtual size_t loops() const noexcept { return 0; }
  /// Whether the process is there still; otherwise, why it is not.
  virtual Status Alive() const = 0;
  /// After the destructor has run there, unless the process is to end at once.
  virtual void Stop(bool at_once) noexcept = 0;
};

class DriverActors;

class Engine : public TaskRunner {
 public:
  virtual ~Engine() = default;
  /// Runs it soon, on a thread of the engine. Takes over a reference.
  virtual void Schedule(Runnable& work) noexcept = 0;
  /// Around work that waits for something of which the engine does not know: it does not end meanwhile.
  virtual void BeginHolding() noexcept = 0;
  virtual void EndHolding() noexcept = 0;
  /// Waits until `count` of the objects are ready. DeadlineExceeded when `deadline` passed first, Cancelled when the
  /// task that waits is not wanted any more, FailedPrecondition when it would wait for itself. May run the tasks of the
  /// objects on this thread.
  virtual Status WaitFor(std::span<Object* const> objects, size_t count, TimePoint deadline) = 0;
  /// The same for one object that no task makes. Gives away its thread's place at once, since whoever makes it ready
  /// may need that.
  virtual Status Await(Object& object, TimePoint deadline) {
    Object* one = &object;
    return WaitFor({&one, 1}, 1, deadline);
  }
  /// Whether a task can ever run with these options.
  virtual Status Check(const TaskOptions& options) = 0;
  /// Abandons the task at that time.
  virtual void AbandonAt(Task& task, TimePoint deadline) = 0;
  /// Calls OnTime at that time, unless it is stopped before.
  virtual void SetAlarm(Alarm&, TimePoint) {}
  /// False when its time has come.
  virtual bool StopAlarm(Alarm&) noexcept { return false; }
  /// The task on this thread will go on without it: what it was given to run with, for then; null when there is nothing
  /// of its own.
  virtual std::shared_ptr<ActorLease> KeepGrant() { return nullptr; }
  /// A copy that processes can read in its place.
  virtual Result<Buffer> CopyToSharedMemory(std::span<const std::byte> bytes) = 0;
  virtual Result<std::unique_ptr<ActorHost>> MakeActorHost(const RuntimeEnv& environment) = 0;
  void SetSession(Session* session) noexcept { session_ = session; }
  Session* session() noexcept override { return session_; }

  /// In a process for tasks: the driver runs what is submitted here. The task is never started.
  virtual bool is_foreign() const noexcept { return false; }
  /// The result gets what the driver says.
  virtual void SubmitToDriver(Task&, ReceivedObject&) {}
  virtual bool CancelAtDriver(Object&, bool /*recursive*/, bool /*force*/) { return false; }
  /// Null in the driver.
  virtual DriverActors* driver_actors() noexcept { return nullptr; }
  /// From here to Unstall the generator waits for its consumers. When the session ends, nothing else runs, and so
  /// nobody takes, its task is abandoned. `has_thread`: it blocks one meanwhile.
  virtual void Stall(GeneratorStream&, bool /*has_thread*/) noexcept {}
  virtual void Unstall(GeneratorStream&) noexcept {}
  /// Whether the driver has the value of one that is not ready here.
  virtual bool ContainsAtDriver(Object&) { return false; }

  /// See Session::Free.
  virtual Status FreeObject(Object& object);

  /// What there is for tasks, actors and placement groups.
  virtual Resources& resources() noexcept = 0;
  /// What can be seen of the session; null in a process for tasks.
  virtual compute::SessionState* session_state() const noexcept { return nullptr; }

 private:
  Session* session_ = nullptr;
};

/// Starts a task of a function, with what its options want.
void StartTask(Engine& engine, Task& task) noexcept;

}  // namespace triune::detail
