// A process that runs tasks, seen from the driver.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "compute/process/link.h"
#include "compute/process/message.h"
#include "compute/process/nested_calls.h"
#include "compute/process/shared_memory.h"
#include "compute/process/zygote.h"
#include "compute/shm/leases.h"
#include "compute/shm/segment.h"
#include "triune/core/detail/remote_function.h"
#include "triune/core/detail/task.h"
#include "triune/core/errors.h"
#include "triune/status.h"
#include "triune/time.h"

namespace triune::compute {

/// Calls on their way to a process, which runs them one after the other, and what comes back. One thread at a time uses
/// it: whoever has it from the pool. What is for others says so.
class WorkerProcess final : private NestedCalls::Worker {
 public:
  /// `number`: by which the zygote knows it. The process is started by the caller.
  static Result<std::shared_ptr<WorkerProcess>> Create(uint64_t number, WorkerSetting setting, ProcessHost& host,
                                                       SharedMemory& memory);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  uint64_t number() const { return number_; }
  const WorkerSetting& setting() const { return setting_; }
  int link_fd() const { return link_memory_.fd(); }
  /// Until it has said that it is ready. An error when it ended first, or said nonsense.
  Status AwaitHello(TimePoint deadline);

  /// Puts the call of the task's function on its way; it must stay until it has ended. False when there is no room
  /// before others have ended. An error when its arguments can't be sent: then nothing has happened.
  Result<bool> Begin(detail::Task& task, const detail::RemoteFunction& function, int attempt);
  struct Ended {
    detail::Task* task;
    Status status;  ///< When OK, the task has its value.
  };
  /// Waits until calls have ended, or the deadline. What has begun when the process died, or went astray, has ended
  /// with kWorkerCrashed; what has not is left for TakeBack. A call that nobody wants any more ends with OK at once,
  /// and when it had begun, the process is not usable any more.
  void Await(std::vector<Ended>& ended, TimePoint deadline);
  /// Takes back the calls that have not begun.
  std::vector<detail::Task*> TakeBack();
  size_t in_flight() const { return in_flight_ + set_aside_.size(); }
  /// How many of them are loops of compiled DAGs.
  size_t loops() const { return loops_; }
  /// Whether the task that runs waits for others. Those behind it should not wait for that.
  bool blocked() const { return nested_.blocked(); }
  /// One call from its beginning to its end. `not_begun`, unless null: true when the process was gone before that, and
  /// another may be asked.
  Status Run(detail::Task& task, const detail::RemoteFunction& function, int attempt, bool* not_begun = nullptr);

  Status SendStop();
  /// Why there is no process any more; OK when there is.
  Status Alive() const;
  bool usable() const { return usable_ && !dead() && !killed_.load(std::memory_order_relaxed); }
  /// How long a call has taken lately; kNever's distance when that is not known.
  Duration usual_time() const { return usual_time_; }

  /// On any thread: the task was cancelled, or nobody wants its result any more. Nothing when it is not on its way
  /// here.
  void Interrupt(const detail::Task& task) noexcept;
  /// On any thread: an Await that has begun, or else the next, returns at once.
  void Interrupt() noexcept;
  /// On any thread, once: the process has ended.
  void SetDead(int wait_status) noexcept;
  bool dead() const noexcept { return dead_.load(std::memory_order_acquire); }
  /// On any thread: how its end is to be told, should it die now. The first reason counts.
  void SetReason(ErrorKind kind, std::string how);
  /// On any thread: it is about to be killed.
  void SetKilled() noexcept { killed_.store(true); }
  /// On any thread; 0: not known yet.
  void SetPid(pid_t pid) noexcept { pid_.store(pid); }
  pid_t pid() const noexcept { return pid_.load(); }
  /// For people: until the zygote has told it, what the process says itself.
  pid_t shown_pid() const noexcept { return pid() != 0 ? pid() : said_pid_.load(); }

 private:
  struct Call {
    /// Null: none in this slot. Others may look whether it is theirs.
    std::atomic<detail::Task*> task{nullptr};
    const detail::RemoteFunction* function = nullptr;
    int attempt = 0;
    uint32_t sequence = 0;
    uint64_t caller = 0;  ///< See CallerId; 0: none yet.
    /// The constructor of an actor may be called again, when the task that it first was is long done.
    bool is_again = false;
    NestedCalls::Parts parts{};  ///< The worker's, once it has begun.
    /// Of a loop of a compiled DAG: memory that it may touch until it has ended.
    std::shared_ptr<const void> memory{};
    TimePoint begun{};

    bool is_abandoned() const { return !is_again && task.load()->phase() == detail::Task::kDone; }
  };

  WorkerProcess(uint64_t number, WorkerSetting setting, shm::Segment link_memory, Link link, ProcessHost& host,
                SharedMemory& memory, shm::Holder holder);
  detail::Task* TaskIn(uint32_t slot) noexcept override { return slot < kSlots ? calls_[slot].task.load() : nullptr; }
  uint64_t CallerIn(uint32_t slot) noexcept override {
    if (slot >= kSlots) return 0;
    if (calls_[slot].caller == 0) calls_[slot].caller = detail::NewCallerId();
    return calls_[slot].caller;
  }
  /// Never waits: what there is no room for now is kept.
  Status Send(std::span<const std::byte> message) override;
  size_t longest_message() const noexcept override { return link_.longest_message(); }
  Status SendUnsent();
  void Wake() noexcept override;
  Status WriteRun(detail::Task& task, const Call& call, uint32_t slot);
  Status WriteArgument(MessageWriter& message, const detail::ValueCodec& codec, const detail::ArgumentView& argument);
  /// Handles what has come. An error when it makes no sense.
  Status Receive(std::vector<Ended>& ended);
  Status Handle(MessageReader& message, std::vector<Ended>& ended);
  Status HandleResult(MessageReader& message, std::vector<Ended>& ended);
  Status HandleYield(MessageReader& message);
  /// Until something has happened, or the deadline. Others may have this thread's place where only loops run.
  void Sleep(TimePoint deadline);
  void EndAbandoned(std::vector<Ended>& ended);
  /// Those that had begun.
  void EndAll(const Status& astray, std::vector<Ended>& ended);
  void End(Call& call, Status status, std::vector<Ended>& ended);
  void NoteWorker(const detail::Task& task) const noexcept;
  Status Crashed(const Call& call) const;
  /// When dead. `whose`: "its process", for people.
  Status Death(const std::string& whose) const;
  std::atomic<uint32_t>& StageOf(const Call& call) {
    return link_.page().slots[static_cast<size_t>(&call - calls_.data())];
  }

  const uint64_t number_;
  const WorkerSetting setting_;
  const shm::Segment link_memory_;
  Link link_;
  SharedMemory& memory_;
  const shm::Holder holder_;
  ProcessHost& host_;
  NestedCalls nested_;
  std::array<Call, kSlots> calls_;
  std::vector<uint32_t> free_slots_;
  size_t in_flight_ = 0;
  size_t loops_ = 0;
  std::vector<Ended> set_aside_;  ///< By Run, for the next Await.
  /// Of loops that were given up: until the process is dead.
  std::vector<std::shared_ptr<const void>> memory_in_use_;
  uint32_t sequence_ = 0;
  Duration usual_time_ = Duration::max();
  TimePoint last_end_{};
  bool usable_ = true;
  std::atomic<bool> interrupted_{false};
  std::atomic<bool> must_return_{false};
  std::atomic<bool> dead_{false};
  int wait_status_ = 0;  ///< When dead.
  std::atomic<bool> killed_{false};
  std::atomic<pid_t> pid_{0};
  std::atomic<pid_t> said_pid_{0};
  struct Reason {
    ErrorKind kind = ErrorKind::kWorkerCrashed;
    std::string how{};
  };
  mutable std::mutex reason_mutex_;
  Reason reason_;
  std::vector<std::byte> outgoing_;
  std::deque<std::vector<std::byte>> unsent_;  ///< Replies that it has no room for.
  size_t unsent_bytes_ = 0;
  std::vector<std::byte> incoming_;
  detail::Encoder encoder_;
};

}  // namespace triune::compute
