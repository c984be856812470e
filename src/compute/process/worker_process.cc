#include "compute/process/worker_process.h"

#include <sched.h>
#include <sys/wait.h>

#include <chrono>
#include <cstring>
#include <string>
#include <utility>

#include "base/clock.h"
#include "compute/process/error_message.h"
#include "compute/process/run_message.h"
#include "compute/remote/convert.h"
#include "compute/sleeping_tasks.h"
#include "compute/task_error.h"

namespace triune::compute {
namespace {

/// The doorbell's word is open to the worker, who may spoil it: it is not relied on alone.
constexpr Duration kLookAgain = std::chrono::milliseconds(100);

TimePoint Soon() { return std::chrono::steady_clock::now() + kLookAgain; }

std::string HowItEnded(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    const int number = WTERMSIG(wait_status);
    const char* name = sigabbrev_np(number);
    return "was ended by signal " + std::to_string(number) + (name != nullptr ? std::string(" (SIG") + name + ")" : "");
  }
  return "ended with exit status " + std::to_string(WEXITSTATUS(wait_status));
}

}  // namespace

Result<std::shared_ptr<WorkerProcess>> WorkerProcess::Create(uint64_t number, SharedMemory& memory) {
  TRIUNE_ASSIGN_OR_RETURN(shm::Segment segment, Link::Create());
  TRIUNE_ASSIGN_OR_RETURN(Link link, Link::Open(segment, Link::End::kDriver));
  TRIUNE_ASSIGN_OR_RETURN(const shm::Holder holder, memory.leases().Join());
  return std::shared_ptr<WorkerProcess>(
      new WorkerProcess(number, std::move(segment), std::move(link), memory, holder));
}

WorkerProcess::WorkerProcess(uint64_t number, shm::Segment link_memory, Link link, SharedMemory& memory,
                             shm::Holder holder)
    : number_(number),
      link_memory_(std::move(link_memory)),
      link_(std::move(link)),
      memory_(memory),
      holder_(holder),
      pieces_(memory, holder) {}

WorkerProcess::~WorkerProcess() { std::ignore = memory_.leases().Leave(holder_); }

void WorkerProcess::Interrupt() noexcept {
  link_.page().slots[0].fetch_or(slot::kCancelled, std::memory_order_acq_rel);
  link_.outgoing().Ring();
  link_.incoming().Ring();
}

void WorkerProcess::SetDead(int wait_status) noexcept {
  wait_status_ = wait_status;
  dead_.store(true, std::memory_order_release);
  link_.incoming().Ring();
}

void WorkerProcess::SetReason(Status why) {
  std::lock_guard lock(reason_mutex_);
  if (reason_.ok()) reason_ = std::move(why);
}

Status WorkerProcess::Astray(std::string what) {
  usable_ = false;
  return MakeError(ErrorKind::kWorkerCrashed, StatusCode::kDataLoss,
                   "the process for tasks sent something that makes no sense: " + std::move(what));
}

Status WorkerProcess::Crashed(const detail::Task& task, int attempt) {
  {
    std::lock_guard lock(reason_mutex_);
    if (!reason_.ok()) return reason_;
  }
  auto error = std::make_shared<TaskError>();
  error->kind = ErrorKind::kWorkerCrashed;
  error->task = task.Name();
  error->attempt = attempt;
  return Unavailable("the process that ran " + task.Name() + " " + HowItEnded(wait_status_)).WithDetail(std::move(error));
}

Status WorkerProcess::AwaitHello(TimePoint deadline) {
  while (true) {
    const bool ready = link_.incoming().WaitUntil([&] { return link_.HasMessage() || dead(); },
                                                  std::min<TimePoint>(deadline, Soon()));
    if (link_.HasMessage()) break;
    if (dead()) {
      return Unavailable("the process for tasks " + HowItEnded(wait_status_) + " before it was ready");
    }
    if (!ready && std::chrono::steady_clock::now() >= deadline) {
      return Unavailable("the process for tasks was not ready in time");
    }
  }
  TRIUNE_ASSIGN_OR_RETURN(auto message, link_.Peek());
  MessageReader reader(*message);
  if (reader.Take<MessageKind>() != MessageKind::kHello) return Astray("its first message");
  link_.Pop();
  return {};
}

Status WorkerProcess::Send(std::span<const std::byte> message) {
  while (!dead()) {
    Result<bool> sent = link_.TrySend(message);
    if (!sent.ok()) {
      usable_ = false;
      return std::move(sent).status();
    }
    if (*sent) return {};
    sched_yield();  // it reads all the time
  }
  return {};  // who waits will see
}

Status WorkerProcess::SendStop() {
  MessageWriter(outgoing_, MessageKind::kStop);
  return Send(outgoing_);
}

Status WorkerProcess::Alive() const {
  if (dead()) return Unavailable("its process " + HowItEnded(wait_status_));
  return usable_ ? Status() : Unavailable("its process can't be used any more");
}

Status WorkerProcess::WriteRun(detail::Task& task, const detail::RemoteFunction& function, int attempt) {
  std::vector<detail::ArgumentView> arguments = task.Arguments();
  MessageWriter message(outgoing_, MessageKind::kRun);
  message.Put(RunHeader{.function = detail::RemoteRegistry::NumberOf(function),
                        .slot = 0,
                        .sequence = sequence_,
                        .arguments = static_cast<uint32_t>(arguments.size()),
                        .attempt = attempt});
  const TaskOptions* options = task.options();
  message.Text(options == nullptr ? std::string_view() : options->name);
  if (arguments.size() != function.parameters.size()) {
    return InvalidArgument(function.name + " is registered with " + std::to_string(function.parameters.size()) +
                           " parameters; it was given " + std::to_string(arguments.size()));
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    encoder_.Clear();
    Status status = EncodeAs(encoder_, *function.parameters[i], arguments[i]);
    if (status.ok()) status = WriteValue(message, encoder_, pieces_);
    if (!status.ok()) return status.WithContext("argument " + std::to_string(i + 1) + " of " + task.Name());
  }
  if (message.size() > link_.longest_message()) {
    return InvalidArgument("the arguments of " + task.Name() + " are too many to be sent: " +
                           std::to_string(message.size()) + " bytes beside those in shared memory, at most " +
                           std::to_string(link_.longest_message()));
  }
  return {};
}

Status WorkerProcess::Run(detail::Task& task, const detail::RemoteFunction& function, int attempt) {
  // The constructor of an actor may be called again, when the task that it first was is long done.
  const bool is_again = task.phase() == detail::Task::kDone;
  auto is_abandoned = [&] { return !is_again && task.phase() == detail::Task::kDone; };
  ++sequence_;
  Status status = WriteRun(task, function, attempt);
  encoder_.Clear();
  if (!status.ok()) {
    pieces_.TakeBack();
    return status;
  }
  std::atomic<uint32_t>& stage = link_.page().slots[0];
  stage.store(slot::Word(sequence_, slot::kSent), std::memory_order_relaxed);
  TRIUNE_RETURN_IF_ERROR(Send(outgoing_));
  pieces_.Sent();

  class Interruption final : public Interruptee {
   public:
    explicit Interruption(WorkerProcess& worker) : worker_(worker) {}
    void Interrupt() noexcept override { worker_.Interrupt(); }

   private:
    WorkerProcess& worker_;
  };
  Interruption interruption(*this);
  const Interruptible interruptible(&task, interruption);
  bool done = false;
  while (true) {
    status = Receive(task, function, &done);
    if (done || !status.ok()) return status;
    if (dead() && !link_.HasMessage()) return Crashed(task, attempt);
    if (is_abandoned()) {
      // Nobody waits, and the process is not to be kept by what it may be doing for ever.
      uint32_t word = stage.load();
      while (slot::StageOf(word) == slot::kSent &&
             !stage.compare_exchange_weak(word, slot::Word(sequence_, slot::kTakenBack))) {
      }
      if (slot::StageOf(word) != slot::kSent) usable_ = false;
      return {};
    }
    link_.incoming().WaitUntil(
        [&] { return link_.HasMessage() || dead() || is_abandoned(); }, Soon());
  }
}

Status WorkerProcess::Receive(detail::Task& task, const detail::RemoteFunction& function, bool* done) {
  while (!*done) {
    auto message = link_.Peek();
    if (!message.ok()) return Astray(message.status().ToString());
    if (!message->has_value()) return {};
    // The worker can write there; what is read twice must not change meanwhile.
    incoming_.assign((*message)->begin(), (*message)->end());
    link_.Pop();
    MessageReader reader(incoming_);
    Status status = Handle(reader, task, function, done);
    if (!status.ok()) return status;
  }
  return {};
}

Status WorkerProcess::Handle(MessageReader& message, detail::Task& task, const detail::RemoteFunction& function,
                             bool* done) {
  switch (message.Take<MessageKind>()) {
    case MessageKind::kResult:
      if (message.Take<uint32_t>() != 0) return Astray("the result of another task");
      *done = true;
      for (auto drops = message.Take<uint32_t>(); drops > 0 && !message.failed(); --drops) {
        TRIUNE_RETURN_IF_ERROR(HandleDrop(message));
      }
      return HandleResult(message, task, function);
    case MessageKind::kNeedBlock:
      return HandleNeedBlock(message);
    case MessageKind::kDrop:
      return HandleDrop(message);
    default:
      return Astray("a message of an unknown kind");
  }
}

Status WorkerProcess::HandleResult(MessageReader& message, detail::Task& task, const detail::RemoteFunction& function) {
  Status status = ReadStatus(message);
  if (message.failed()) return Astray("a result that ends too early");
  if (!status.ok() || function.result == nullptr) return status;
  Result<ReceivedValue> value = ReadValue(message, pieces_);
  if (!value.ok()) return Astray(value.status().ToString());
  if (task.phase() == detail::Task::kDone) return {};
  return DecodeInto(task, *function.result, value->decoder).WithContext("the result of " + task.Name());
}

Status WorkerProcess::HandleDrop(MessageReader& message) {
  Status dropped = memory_.leases().Drop(holder_, message.Take<uint64_t>());
  return dropped.ok() ? Status() : Astray(dropped.ToString());
}

Status WorkerProcess::HandleNeedBlock(MessageReader& message) {
  const auto request = message.Take<uint64_t>();
  const auto bytes = message.Take<uint64_t>();
  Result<shm::Block> block = memory_.Grant(holder_, bytes);
  std::vector<std::byte> bytes_of_reply;
  MessageWriter reply(bytes_of_reply, MessageKind::kReply);
  reply.Put(request);
  WriteStatus(reply, block.status());
  reply.Put(block.ok() ? block->offset : uint64_t{0});
  return Send(bytes_of_reply);
}

}  // namespace triune::compute
