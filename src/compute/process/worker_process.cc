#include "compute/process/worker_process.h"

#include <sched.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <string>
#include <utility>

#include "compute/dag/dag_loop_task.h"
#include "compute/process/error_message.h"
#include "compute/process/run_message.h"
#include "compute/process/stored_objects.h"
#include "compute/remote/convert.h"
#include "compute/state/state_book.h"
#include "compute/state/state_tracker.h"
#include "compute/task_error.h"
#include "triune/core/detail/generator_stream.h"

namespace triune::compute {
namespace {

/// The doorbell's word is open to the worker, who may spoil it: it is not relied on alone.
constexpr Duration kLookAgain = std::chrono::milliseconds(100);
/// With several calls on their way the worker does not ring for each result.
constexpr Duration kLookAgainForMore = std::chrono::milliseconds(1);
/// Bytes of answers that a worker may have asked for and not read.
constexpr size_t kMostUnsent = size_t{64} << 20U;

TimePoint Now() { return std::chrono::steady_clock::now(); }

std::string HowItEnded(int wait_status, bool was_killed) {
  if (WIFSIGNALED(wait_status)) {
    const int number = WTERMSIG(wait_status);
    const char* name = sigabbrev_np(number);
    std::string how = "was ended by signal " + std::to_string(number);
    if (name != nullptr) how += std::string(" (SIG") + name + ")";
    // What the kernel does when memory is short, and few others do.
    if (number == SIGKILL && !was_killed) how += ", probably for want of memory";
    return how;
  }
  return "ended with exit status " + std::to_string(WEXITSTATUS(wait_status));
}

Status Astray(const std::string& what) {
  return MakeError(ErrorKind::kWorkerCrashed, StatusCode::kDataLoss,
                   "the process for tasks sent something that makes no sense: " + what);
}

Status TakeValue(detail::Task& task, const detail::ValueCodec& codec, ReceivedValue& value,
                 std::vector<detail::ObjectPointer> references) {
  if (!task.keeps_stored()) return DecodeInto(task, codec, value.decoder);
  task.Store(Keep(value.decoder, std::move(value.head_block), std::move(references)));
  return {};
}

}  // namespace

Result<std::shared_ptr<WorkerProcess>> WorkerProcess::Create(uint64_t number, WorkerSetting setting, ProcessHost& host,
                                                             SharedMemory& memory) {
  TRIUNE_ASSIGN_OR_RETURN(shm::Segment segment, Link::Create());
  TRIUNE_ASSIGN_OR_RETURN(Link link, Link::Open(segment, Link::End::kDriver));
  TRIUNE_ASSIGN_OR_RETURN(const shm::Holder holder, memory.leases().Join());
  return std::shared_ptr<WorkerProcess>(
      new WorkerProcess(number, std::move(setting), std::move(segment), std::move(link), host, memory, holder));
}

WorkerProcess::WorkerProcess(uint64_t number, WorkerSetting setting, shm::Segment link_memory, Link link,
                             ProcessHost& host, SharedMemory& memory, shm::Holder holder)
    : number_(number),
      setting_(std::move(setting)),
      link_memory_(std::move(link_memory)),
      link_(std::move(link)),
      memory_(memory),
      holder_(holder),
      host_(host),
      nested_(host, memory, holder, *this) {
  for (auto slot = static_cast<uint32_t>(kSlots); slot > 0; --slot) free_slots_.push_back(slot - 1);
}

WorkerProcess::~WorkerProcess() { std::ignore = memory_.leases().Leave(holder_); }

void WorkerProcess::Interrupt(const detail::Task& task) noexcept {
  for (Call& call : calls_) {
    if (call.task.load() != &task) continue;
    std::atomic<uint32_t>& stage = StageOf(call);
    uint32_t word = stage.load();
    // The slot may be another's by now; then its word is another, too.
    if (call.task.load() == &task) stage.compare_exchange_strong(word, word | slot::kCancelled);
    link_.outgoing().Ring();
    Wake();
    return;
  }
}

void WorkerProcess::Interrupt() noexcept {
  must_return_.store(true);
  Wake();
}

void WorkerProcess::Wake() noexcept {
  interrupted_.store(true);
  link_.incoming().Ring();
}

void WorkerProcess::SetDead(int wait_status) noexcept {
  wait_status_ = wait_status;
  dead_.store(true, std::memory_order_release);
  link_.incoming().Ring();
}

void WorkerProcess::SetReason(ErrorKind kind, std::string how) {
  std::lock_guard lock(reason_mutex_);
  if (reason_.how.empty()) reason_ = {.kind = kind, .how = std::move(how)};
}

Status WorkerProcess::Death(const std::string& whose) const {
  std::lock_guard lock(reason_mutex_);
  auto error = std::make_shared<TaskError>();
  error->kind = reason_.kind;
  const std::string how = reason_.how.empty() ? HowItEnded(wait_status_, killed_.load()) : reason_.how;
  const auto code = error->kind == ErrorKind::kOutOfMemory ? StatusCode::kResourceExhausted : StatusCode::kUnavailable;
  return Status(code, whose + " " + how).WithDetail(std::move(error));
}

Status WorkerProcess::Crashed(const Call& call) const {
  const std::string name = call.task.load()->Name();
  Status death = Death("the process that ran " + name);
  auto error = std::make_shared<TaskError>(*TaskError::Of(death));
  error->task = name;
  error->attempt = call.attempt;
  return std::move(death).WithDetail(std::move(error));
}

Status WorkerProcess::Alive() const {
  if (dead()) return Death("its process");
  return usable_ ? Status() : Unavailable("its process can't be used any more");
}

Status WorkerProcess::AwaitHello(TimePoint deadline) {
  while (!link_.HasMessage()) {
    if (dead()) return Death("before it was ready, the process for tasks");
    if (Now() >= deadline) return Unavailable("the process for tasks was not ready in time");
    link_.incoming().WaitUntil([&] { return link_.HasMessage() || dead(); }, std::min(deadline, Now() + kLookAgain));
  }
  TRIUNE_ASSIGN_OR_RETURN(auto message, link_.Peek());
  MessageReader reader(*message);
  if (reader.Take<MessageKind>() != MessageKind::kHello) return Astray("its first message");
  std::ignore = reader.Take<uint64_t>();
  said_pid_.store(static_cast<pid_t>(reader.Take<int64_t>()));
  link_.Pop();
  return {};
}

Status WorkerProcess::Send(std::span<const std::byte> message) {
  TRIUNE_RETURN_IF_ERROR(SendUnsent());
  if (unsent_.empty()) {
    TRIUNE_ASSIGN_OR_RETURN(const bool sent, link_.TryWrite(message));
    link_.Flush();
    if (sent) return {};
  }
  if (unsent_bytes_ + message.size() > kMostUnsent) {
    return ResourceExhausted("it asks for more and more, and reads no answers");
  }
  unsent_bytes_ += message.size();
  unsent_.emplace_back(message.begin(), message.end());
  return {};
}

Status WorkerProcess::SendUnsent() {
  while (!unsent_.empty()) {
    TRIUNE_ASSIGN_OR_RETURN(const bool sent, link_.TryWrite(unsent_.front()));
    link_.Flush();
    if (!sent) break;
    unsent_bytes_ -= unsent_.front().size();
    unsent_.pop_front();
  }
  return {};
}

Status WorkerProcess::SendStop() {
  MessageWriter(outgoing_, MessageKind::kStop);
  TRIUNE_RETURN_IF_ERROR(Send(outgoing_));
  return unsent_.empty() ? Status() : Unavailable("it does not read what it is sent");
}

Status WorkerProcess::WriteRun(detail::Task& task, const Call& call, uint32_t slot) {
  const detail::RemoteFunction& function = *call.function;
  const std::vector<detail::ArgumentView> arguments = task.Arguments();
  detail::GeneratorStream* const stream = function.element == nullptr ? nullptr : task.stream();
  if (stream != nullptr) TRIUNE_RETURN_IF_ERROR(stream->Check());
  MessageWriter message(outgoing_, MessageKind::kRun);
  message.Put(RunHeader{.function = detail::RemoteRegistry::NumberOf(function),
                        .slot = slot,
                        .sequence = call.sequence,
                        .arguments = static_cast<uint32_t>(arguments.size()),
                        .attempt = call.attempt,
                        .threads = task.actor_creation() ? task.actor_concurrency() : 1,
                        .room = stream == nullptr ? 0 : stream->room(),
                        .delivered = stream == nullptr ? 0 : stream->delivered()});
  const TaskOptions* options = task.options();
  message.Text(options == nullptr ? std::string_view() : options->name);
  if (arguments.size() != function.parameters.size()) {
    return InvalidArgument(function.name + " is registered with " + std::to_string(function.parameters.size()) +
                           " parameters; it was given " + std::to_string(arguments.size()));
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    Status status = WriteArgument(message, *function.parameters[i], arguments[i]);
    if (!status.ok()) return status.WithContext("argument " + std::to_string(i + 1) + " of " + task.Name());
  }
  if (message.size() > link_.longest_message()) {
    return InvalidArgument("the arguments of " + task.Name() +
                           " are too many to be sent: " + std::to_string(message.size()) +
                           " bytes beside those in shared memory, at most " + std::to_string(link_.longest_message()));
  }
  return {};
}

Status WorkerProcess::WriteArgument(MessageWriter& message, const detail::ValueCodec& codec,
                                    const detail::ArgumentView& argument) {
  const detail::StoredValue* stored = argument.stored;
  if (stored == nullptr && argument.object != nullptr) stored = argument.object->stored();
  if (stored != nullptr) return WriteStored(message, *stored, nested_);
  encoder_.Clear();
  TRIUNE_RETURN_IF_ERROR(EncodeAs(encoder_, codec, argument));
  return WriteValue(message, encoder_, nested_);
}

Result<bool> WorkerProcess::Begin(detail::Task& task, const detail::RemoteFunction& function, int attempt) {
  if (free_slots_.empty()) return false;
  const uint32_t slot = free_slots_.back();
  Call& call = calls_[slot];
  call.function = &function;
  call.attempt = attempt;
  call.sequence = ++sequence_;
  call.caller = 0;
  call.is_again = task.actor_creation() && attempt > 0;
  Status status = WriteRun(task, call, slot);
  encoder_.Clear();
  Result<bool> sent = status.ok() ? link_.TryWrite(outgoing_) : Result<bool>(std::move(status));
  if (!sent.ok() || !*sent) {
    nested_.TakeBack();
    return sent;
  }
  call.parts = nested_.Sent();
  free_slots_.pop_back();
  ++in_flight_;
  if (in_flight_ == 1) last_end_ = Now();
  if (&function == DagLoopFunction()) {
    call.memory = static_cast<const DagLoopTask&>(task).memory();
    ++loops_;
  }
  StageOf(call).store(slot::Word(call.sequence, slot::kSent));
  call.task.store(&task);
  NoteWorker(task);
  if (task.cancelled()) Interrupt(task);  // before anybody could see that it is here
  return true;
}

void WorkerProcess::NoteWorker(const detail::Task& task) const noexcept {
  const StateBook* book = task.runner().state_book();
  if (book != nullptr && book->tracker() != nullptr) [[unlikely]]
    book->tracker()->OnWorker(task, shown_pid());
}

void WorkerProcess::End(Call& call, Status status, std::vector<Ended>& ended) {
  ended.push_back({call.task.load(), std::move(status)});
  if (call.function == DagLoopFunction()) --loops_;
  if (call.memory != nullptr) memory_in_use_.push_back(std::exchange(call.memory, nullptr));
  call.task.store(nullptr);
  free_slots_.push_back(static_cast<uint32_t>(&call - calls_.data()));
  --in_flight_;
}

Status WorkerProcess::Run(detail::Task& task, const detail::RemoteFunction& function, int attempt, bool* not_begun) {
  auto gone = [&] {
    if (not_begun != nullptr) *not_begun = true;
    return dead() ? Death("the process for tasks") : Alive();
  };
  while (true) {
    TRIUNE_ASSIGN_OR_RETURN(const bool sent, Begin(task, function, attempt));
    if (sent) break;
    // It is still busy reading over what was taken back.
    if (!usable()) return gone();
    link_.Flush();
    sched_yield();
  }
  std::vector<Ended> ended;
  std::vector<Ended> others = std::move(set_aside_);
  set_aside_.clear();
  auto is_this = [&](const Ended& each) { return each.task == &task; };
  while (true) {
    ended.clear();
    Await(ended, Now() + kLookAgain);
    const auto found = std::find_if(ended.begin(), ended.end(), is_this);
    for (auto each = ended.begin(); each != ended.end(); ++each) {
      if (each != found) others.push_back(std::move(*each));
    }
    if (found != ended.end()) {
      set_aside_ = std::move(others);
      return std::move(found->status);
    }
    if (!ended.empty() || usable()) continue;
    bool was_taken_back = false;
    for (detail::Task* each : TakeBack()) {
      if (each == &task) {
        was_taken_back = true;
      } else {
        others.push_back({each, Alive()});
      }
    }
    if (was_taken_back) {
      set_aside_ = std::move(others);
      return gone();
    }
    sched_yield();  // it runs, beside one that nobody waits for any more
  }
}

void WorkerProcess::Sleep(TimePoint deadline) {
  auto something = [this] { return link_.HasMessage() || dead() || interrupted_.load(std::memory_order_relaxed); };
  const size_t calls = in_flight_ - loops_;
  auto& doorbell = calls == 1 ? link_.incoming() : link_.incoming_without_spin();
  const Duration look_again = calls > 1 || !unsent_.empty() ? kLookAgainForMore : kLookAgain;
  const bool lends_its_place = loops_ > 0 && !blocked();
  if (lends_its_place) host_.BeginBlocking();
  doorbell.WaitUntil(something, std::min(deadline, Now() + look_again));
  if (lends_its_place) host_.EndBlocking();
}

void WorkerProcess::Await(std::vector<Ended>& ended, TimePoint deadline) {
  link_.Flush();
  for (Ended& each : std::exchange(set_aside_, {})) ended.push_back(std::move(each));
  while (true) {
    const bool was_dead = dead();  // read first: all that it has sent is there then
    Status status = Receive(ended);
    if (interrupted_.exchange(false)) {
      EndAbandoned(ended);
      if (status.ok()) status = nested_.Answer();
    }
    if (status.ok()) status = SendUnsent();
    if (!status.ok() || was_dead) nested_.ForgetAll();
    if (!status.ok() || was_dead || !usable_) {
      usable_ = false;
      if (!status.ok() || was_dead) EndAll(status, ended);
      return;
    }
    if (must_return_.exchange(false)) return;
    if (!ended.empty() || in_flight_ == 0 || (nested_.blocked_by_objects() && in_flight_ > 1)) return;
    if (Now() >= deadline) return;
    Sleep(deadline);
  }
}

void WorkerProcess::EndAbandoned(std::vector<Ended>& ended) {
  for (Call& call : calls_) {
    if (call.task.load() == nullptr || !call.is_abandoned()) continue;
    std::atomic<uint32_t>& stage = StageOf(call);
    uint32_t word = stage.load();
    while (slot::StageOf(word) == slot::kSent &&
           !stage.compare_exchange_weak(word, slot::Word(call.sequence, slot::kTakenBack))) {
    }
    // It is not to be kept by what it may be doing for ever.
    if (slot::StageOf(word) != slot::kSent) {
      usable_ = false;
      nested_.EndWaitsOf(static_cast<uint32_t>(&call - calls_.data()));
    } else {
      nested_.TakeBack(call.parts);
      call.memory = nullptr;
    }
    End(call, {}, ended);
  }
}

void WorkerProcess::EndAll(const Status& astray, std::vector<Ended>& ended) {
  for (Call& call : calls_) {
    if (call.task.load() == nullptr || slot::StageOf(StageOf(call).load()) == slot::kSent) continue;
    End(call, astray.ok() ? Crashed(call) : astray, ended);
  }
}

std::vector<detail::Task*> WorkerProcess::TakeBack() {
  std::vector<Call*> in_order;
  for (Call& call : calls_) {
    if (call.task.load() != nullptr) in_order.push_back(&call);
  }
  std::sort(in_order.begin(), in_order.end(), [](const Call* a, const Call* b) { return a->sequence < b->sequence; });
  std::vector<detail::Task*> tasks;
  for (Call* each : in_order) {
    Call& call = *each;
    detail::Task* const task = call.task.load();
    std::atomic<uint32_t>& stage = StageOf(call);
    uint32_t word = stage.load();
    while (slot::StageOf(word) == slot::kSent) {
      if (!stage.compare_exchange_weak(word, slot::Word(call.sequence, slot::kTakenBack))) continue;
      nested_.TakeBack(call.parts);
      call.memory = nullptr;
      std::vector<Ended> ended;
      End(call, {}, ended);
      tasks.push_back(task);
      break;
    }
  }
  return tasks;
}

Status WorkerProcess::Receive(std::vector<Ended>& ended) {
  const size_t before = ended.size();
  while (true) {
    auto message = link_.Peek();
    if (!message.ok()) return Astray(message.status().ToString());
    if (!message->has_value()) break;
    // The worker can write there; what is read twice must not change meanwhile.
    incoming_.assign((*message)->begin(), (*message)->end());
    link_.Pop();
    MessageReader reader(incoming_);
    Status status = Handle(reader, ended);
    if (!status.ok()) return Astray(status.ToString());
  }
  if (ended.size() > before) {
    const TimePoint now = Now();
    const Duration each = (now - last_end_) / static_cast<int64_t>(ended.size() - before);
    usual_time_ = usual_time_ == Duration::max() ? each : (usual_time_ + each) / 2;
    last_end_ = now;
  }
  return {};
}

Status WorkerProcess::Handle(MessageReader& message, std::vector<Ended>& ended) {
  const auto kind = message.Take<MessageKind>();
  switch (kind) {
    case MessageKind::kResult:
      return HandleResult(message, ended);
    case MessageKind::kYield:
      return HandleYield(message);
    default:
      return nested_.Handle(kind, message);
  }
}

Status WorkerProcess::HandleYield(MessageReader& message) {
  const auto slot = message.Take<uint32_t>();
  const auto sequence = message.Take<uint32_t>();
  if (message.failed() || slot >= kSlots) return InvalidArgument("a yielded value that ends too early");
  // Also of one that nobody wants: what lies in shared memory is given back so.
  TRIUNE_ASSIGN_OR_RETURN(const ReceivedValue value, ReadValue(message, nested_));
  Call& call = calls_[slot];
  if (call.task.load() == nullptr || call.sequence != sequence) return {};
  detail::GeneratorStream* const stream = call.task.load()->stream();
  if (stream == nullptr || call.function->element == nullptr) {
    return InvalidArgument("a value of a function that yields none");
  }
  return stream->Receive(*call.function->element, value.decoder);
}

Status WorkerProcess::HandleResult(MessageReader& message, std::vector<Ended>& ended) {
  const auto slot = message.Take<uint32_t>();
  const auto sequence = message.Take<uint32_t>();
  TRIUNE_RETURN_IF_ERROR(nested_.HandleReleases(message));
  Status status = ReadStatus(message);
  if (message.failed() || slot >= kSlots) return InvalidArgument("a result that ends too early");
  Call& call = calls_[slot];
  const bool is_wanted = call.task.load() != nullptr && call.sequence == sequence;
  if (is_wanted) call.memory = nullptr;
  if (!status.ok() || (is_wanted && call.function->result == nullptr)) {
    if (is_wanted) End(call, std::move(status), ended);
    return {};
  }
  if (!is_wanted) return {};
  Result<ReceivedValue> value = ReadValue(message, nested_);
  if (!value.ok()) return std::move(value).status();
  detail::Task& task = *call.task.load();
  TRIUNE_ASSIGN_OR_RETURN(auto references, nested_.Objects(value->handles));
  if (!call.is_abandoned()) {
    status = TakeValue(task, *call.function->result, *value, std::move(references));
    if (!status.ok()) status = status.WithContext("the result of " + task.Name());
  }
  End(call, std::move(status), ended);
  return {};
}

}  // namespace triune::compute
