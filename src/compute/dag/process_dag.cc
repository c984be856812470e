#include "compute/dag/process_dag.h"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include "compute/dag/dag_loop_task.h"
#include "compute/process/error_message.h"
#include "compute/remote/convert.h"
#include "compute/sleeping_tasks.h"
#include "compute/start_task.h"
#include "compute/task_error.h"
#include "triune/core/detail/names.h"

namespace triune::compute {
namespace {

using detail::DagExecution;

/// The bell's word is open to all processes of the session: it is not relied on alone.
constexpr Duration kLookAgain = std::chrono::milliseconds(100);
/// Functions that begin while a DAG is torn down are told a little later.
constexpr Duration kTellAgainAfter = std::chrono::milliseconds(5);

/// How long whoever waits looks for the result before it sleeps. It does not give its processor away meanwhile: where
/// others want it, it would be long before this one gets it back.
constexpr Duration kLookFor = std::chrono::microseconds(30);

TimePoint Now() { return std::chrono::steady_clock::now(); }

/// With one processor, who is waited for can't come before this one sleeps.
bool IsAlone() {
  static const bool alone = [] {
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof(allowed), &allowed) == 0 && CPU_COUNT(&allowed) < 2;
  }();
  return alone;
}

template <typename Ready>
bool LookFor(Ready ready) {
  if (IsAlone()) return false;
  const TimePoint end = Now() + kLookFor;
  do {
    for (int i = 0; i < 16; ++i) __builtin_ia32_pause();
    if (ready()) return true;
  } while (Now() < end);
  return false;
}

Status TornDown() {
  return MakeError(ErrorKind::kTaskCancelled, StatusCode::kCancelled, "the compiled DAG was torn down", "compiled DAG");
}

}  // namespace

/// What processes may touch as long as they are alive, or until their loops have ended.
class ProcessDag::Memory final : public DagBlocks {
 public:
  static Result<std::shared_ptr<Memory>> Make(std::shared_ptr<SharedMemory> memory, uint64_t region_bytes) {
    TRIUNE_ASSIGN_OR_RETURN(Buffer region, memory->Allocate(region_bytes));
    TRIUNE_ASSIGN_OR_RETURN(const uint64_t dag, memory->JoinDag());
    return std::make_shared<Memory>(std::move(memory), std::move(region), dag);
  }
  Memory(std::shared_ptr<SharedMemory> memory, Buffer region, uint64_t dag)
      : memory_(std::move(memory)), region_(std::move(region)), dag_(dag) {}
  ~Memory() { memory_->LeaveDag(dag_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  Result<shm::Block> Exchange(uint64_t old, uint64_t bytes) override {
    return memory_->ExchangeDagBlock(dag_, old, bytes);
  }
  Result<std::span<std::byte>> At(uint64_t offset, uint64_t bytes) override {
    return memory_->DagBlock(dag_, offset, bytes);
  }
  std::span<std::byte> region() { return {region_.mutable_data(), region_.size()}; }
  uint64_t region_offset() const { return static_cast<uint64_t>(region_.data() - memory_->segment().data()); }
  uint64_t dag() const { return dag_; }

 private:
  const std::shared_ptr<SharedMemory> memory_;
  Buffer region_;
  const uint64_t dag_;
};

/// The room for one execution: its inputs and outputs, as they are in this process.
class ProcessDag::Execution {
 public:
  Execution(const DagPlan& plan, uint32_t room)
      : plan_(plan),
        room_(room),
        memory_(static_cast<std::byte*>(::operator new(plan.bytes, std::align_val_t{plan.alignment}))),
        has_input_(plan.inputs.size()),
        has_output_(plan.outputs.size()) {}
  ~Execution() {
    DestroyValues();
    ::operator delete(memory_, std::align_val_t{plan_.alignment});
  }
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;

  // The interface has no more than a name for it.
  static Execution& Of(DagExecution& execution) { return reinterpret_cast<Execution&>(execution); }
  DagExecution* handle() { return reinterpret_cast<DagExecution*>(this); }

  uint32_t room() const { return room_; }
  void* place(size_t at) { return memory_ + at; }
  void SetHasInput(size_t number) { has_input_[number] = 1; }
  bool has_input(size_t number) const { return has_input_[number] != 0; }
  /// False when an earlier output is the same value, which is there then.
  bool NeedsOutput(size_t number) const {
    for (size_t i = 0; i < number; ++i) {
      if (has_output_[i] != 0 && plan_.outputs[i].step == plan_.outputs[number].step) return false;
    }
    return true;
  }
  void SetHasOutput(size_t number) { has_output_[number] = 1; }
  void DestroyValues() {
    for (size_t i = 0; i < has_input_.size(); ++i) {
      const PlannedInput& input = plan_.inputs[i];
      if (std::exchange(has_input_[i], 0) != 0 && input.value->destroy != nullptr) {
        input.value->destroy(place(input.value_at));
      }
    }
    for (size_t i = 0; i < has_output_.size(); ++i) {
      if (std::exchange(has_output_[i], 0) == 0) continue;
      auto* const destroy = plan_.steps[plan_.outputs[i].step].node->value().destroy;
      if (destroy != nullptr) destroy(place(plan_.outputs[i].value_at));
    }
  }

  uint64_t serial = 0;  ///< Of the executions.
  bool is_received = false;
  Status result;        ///< When it is received.
  bool in_use = false;  ///< Under the DAG's mutex.

 private:
  const DagPlan& plan_;
  const uint32_t room_;
  std::byte* const memory_;
  std::vector<uint8_t> has_input_;
  std::vector<uint8_t> has_output_;
};

/// The call of an actor that lasts as long as the DAG.
class ProcessDag::Lane final : public detail::Waiter {
 public:
  Lane(ProcessDag& dag, detail::Pointer<DagLoopTask> task) : dag_(dag), task_(std::move(task)) {}
  /// Keeps the DAG until the call has ended.
  void Start() {
    dag_.Ref();
    task_->actor()->HasLoop();
    task_->Start();
    if (!task_->AddWaiter(*this)) OnReady(*task_);
  }
  void OnReady(detail::Object& object) noexcept override {
    ProcessDag& dag = dag_;
    dag.LaneEnded(object.status());
    dag.Unref();
  }
  DagLoopTask& task() const { return *task_; }

 private:
  ProcessDag& dag_;
  const detail::Pointer<DagLoopTask> task_;
};

/// Tells a thread that waits that nobody wants that any more.
class ProcessDag::Interrupting final : public Interruptee {
 public:
  explicit Interrupting(ProcessDag& dag) : dag_(dag) {}
  void Interrupt() noexcept override {
    was_.store(true);
    shm::Doorbell(dag_.region_.words().bell).Ring();
    std::lock_guard lock(dag_.mutex_);
    dag_.changed_.notify_all();
  }
  bool was() const { return was_.load(std::memory_order_acquire); }

 private:
  ProcessDag& dag_;
  std::atomic<bool> was_{false};
};

Result<detail::Pointer<detail::CompiledDagCore>> ProcessDag::Make(
    detail::Engine& engine, std::shared_ptr<const std::atomic<bool>> session_ended, DagPlan plan, size_t rooms) {
  auto* host = dynamic_cast<DagHost*>(&engine);
  if (host == nullptr) return FailedPrecondition("a process for tasks can't compile DAGs in processes");
  TRIUNE_ASSIGN_OR_RETURN(ProcessPlan processes, ProcessPlan::Make(plan, rooms));
  TRIUNE_ASSIGN_OR_RETURN(auto shared, host->shared_memory());
  TRIUNE_ASSIGN_OR_RETURN(auto memory, Memory::Make(std::move(shared), processes.shape.bytes()));
  TRIUNE_ASSIGN_OR_RETURN(const DagRegion region, DagRegion::Open(memory->region(), processes.shape));
  region.Clear();
  auto* dag = new ProcessDag(engine, *host, std::move(session_ended), std::move(plan), std::move(processes),
                             std::move(memory), region);
  auto core = detail::Pointer<detail::CompiledDagCore>::Adopt(dag);
  TRIUNE_RETURN_IF_ERROR(host->AddDag(*dag));
  dag->StartLanes();
  return core;
}

ProcessDag::ProcessDag(detail::Engine& engine, DagHost& host, std::shared_ptr<const std::atomic<bool>> session_ended,
                       DagPlan plan, ProcessPlan processes, std::shared_ptr<Memory> memory, const DagRegion& region)
    : engine_(engine),
      host_(host),
      session_ended_(std::move(session_ended)),
      plan_(std::move(plan)),
      processes_(std::move(processes)),
      memory_(std::move(memory)),
      region_(region) {
  for (const SentInput& input : processes_.inputs) inputs_.emplace_back(region_, *memory_, input.value);
  for (uint32_t room = 0; room < processes_.shape.rooms; ++room) {
    executions_.push_back(std::make_unique<Execution>(plan_, room));
  }
  for (auto execution = executions_.rbegin(); execution != executions_.rend(); ++execution) {
    free_.push_back(execution->get());
  }
}

ProcessDag::~ProcessDag() = default;

void ProcessDag::StartLanes() {
  for (const PlannedLane& planned : processes_.lanes) {
    LaneSchedule schedule = planned.schedule;
    schedule.dag = memory_->dag();
    schedule.region = memory_->region_offset();
    lanes_.push_back(std::make_unique<Lane>(
        *this, detail::Pointer<DagLoopTask>::Adopt(new DagLoopTask(*planned.actor, schedule.Write(), memory_))));
  }
  // They are nobody's children: whoever compiles it may end long before.
  detail::Frame* const frame = std::exchange(detail::current_frame, nullptr);
  for (auto& lane : lanes_) lane->Start();
  detail::current_frame = frame;
}

void ProcessDag::LaneEnded(const Status& status) noexcept {
  {
    std::lock_guard lock(mutex_);
    if (!is_broken_.load()) {
      why_ = was_stopped_ ? TornDown() : status.ok() ? FailedPrecondition("the compiled DAG has ended") : status;
      is_broken_.store(true, std::memory_order_release);
    }
    changed_.notify_all();
  }
  region_.Tell(RegionWords::kEnd);
  shm::Doorbell(region_.words().bell).Ring();
}

Status ProcessDag::WhyNot() const {
  if (was_stopped_) return TornDown();
  if (is_broken_.load()) return why_;
  if (is_closed_ || session_ended_->load(std::memory_order_relaxed)) {
    return FailedPrecondition("the session of the compiled DAG has ended");
  }
  // A loop may end a moment after its actor.
  for (const PlannedLane& lane : processes_.lanes) TRIUNE_RETURN_IF_ERROR(lane.actor->Death());
  return {};
}

void ProcessDag::TakeBackRooms() {
  std::erase_if(dropped_, [this](Execution* execution) {
    if (!IsOver(*execution)) return false;
    execution->in_use = false;
    free_.push_back(execution);
    return true;
  });
}

DagExecution* ProcessDag::Begin(Status* error) noexcept {
  std::lock_guard lock(mutex_);
  *error = WhyNot();
  if (!error->ok()) return nullptr;
  if (free_.empty()) TakeBackRooms();
  if (free_.empty()) {
    *error = MakeError(ErrorKind::kCapacityExceeded, StatusCode::kResourceExhausted,
                       "as many executions of the compiled DAG are under way, or their results were not taken, as "
                       "max_inflight_executions allows: " +
                           std::to_string(executions_.size()),
                       "compiled DAG");
    return nullptr;
  }
  Execution& execution = *free_.back();
  free_.pop_back();
  execution.in_use = true;
  execution.serial = next_++;
  execution.is_received = false;
  return execution.handle();
}

void* ProcessDag::Input(DagExecution& execution, size_t number) noexcept {
  return Execution::Of(execution).place(plan_.inputs[number].value_at);
}

void ProcessDag::HasInput(DagExecution& execution, size_t number) noexcept {
  Execution::Of(execution).SetHasInput(number);
}

void* ProcessDag::Output(DagExecution& execution, size_t number) noexcept {
  return Execution::Of(execution).place(plan_.outputs[number].value_at);
}

void ProcessDag::Start(DagExecution& handle, Status error) noexcept {
  Execution& execution = Execution::Of(handle);
  std::lock_guard lock(writing_);
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const SentInput& input = processes_.inputs[i];
    const PlannedInput& planned = plan_.inputs[input.input];
    Status status = error;
    if (status.ok()) {
      status =
          EncodeAs(encoder_, *input.codec, {.value = execution.place(planned.value_at), .type = &planned.value->type});
      if (!status.ok()) status = status.WithContext("input " + std::to_string(input.input) + " of the compiled DAG");
    }
    if (status.ok()) {
      inputs_[i].Write(execution.room(), execution.serial, encoder_);
    } else {
      inputs_[i].WriteError(execution.room(), execution.serial, status);
    }
    encoder_.Clear();
  }
  region_.Begin(execution.serial, execution.room());
  for (uint32_t i = 0; i < processes_.shape.lanes; ++i) shm::Doorbell(region_.lane(i).bell).Ring();
}

bool ProcessDag::IsOver(const Execution& execution) const noexcept {
  for (const ReceivedOutput& output : processes_.outputs) {
    if (!region_.HasValue(output.value, execution.room(), execution.serial)) return false;
  }
  return true;
}

Status ProcessDag::Wait(DagExecution& handle, Duration timeout, bool* is_over) {
  Execution& execution = Execution::Of(handle);
  *is_over = execution.is_received;
  if (execution.is_received) return execution.result;
  if (!IsOver(execution)) TRIUNE_RETURN_IF_ERROR(Await(execution, DeadlineIn(timeout)));
  *is_over = true;
  execution.is_received = true;
  if (IsOver(execution)) {
    execution.result = Receive(execution);
  } else {
    std::lock_guard lock(mutex_);
    execution.result = why_;
  }
  return execution.result;
}

Status ProcessDag::Await(const Execution& execution, TimePoint deadline) {
  if (LookFor([&] { return IsSettled(execution); })) return {};
  detail::Task* const task = detail::current_frame == nullptr ? nullptr : &detail::current_frame->task;
  ProcessHost& host = host_.process_host();
  Interrupting interrupting(*this);
  const Interruptible interruptible(task, interrupting);
  host.BeginBlocking();
  shm::Doorbell bell(region_.words().bell, Duration::zero());
  std::unique_lock lock(mutex_);
  while (!IsSettled(execution) && !interrupting.was()) {
    const TimePoint now = Now();
    if (now >= deadline) break;
    const TimePoint look_again = std::min(deadline, now + kLookAgain);
    if (somebody_looks_) {
      // Whoever looks must see that there are others before this one has looked for the last time.
      others_wait_.fetch_add(1);
      if (!IsSettled(execution)) changed_.wait_until(lock, look_again);
      others_wait_.fetch_sub(1);
      continue;
    }
    somebody_looks_ = true;
    const uint64_t arrivals = region_.words().arrivals.load();
    lock.unlock();
    bell.WaitUntil(
        [&] {
          return IsSettled(execution) || interrupting.was() ||
                 (others_wait_.load() > 0 && region_.words().arrivals.load() != arrivals);
        },
        look_again);
    lock.lock();
    somebody_looks_ = false;
    changed_.notify_all();
  }
  lock.unlock();
  host.EndBlocking();
  if (IsSettled(execution)) return {};
  if (interrupting.was()) {
    return MakeError(ErrorKind::kTaskCancelled, StatusCode::kCancelled, "the task that waits was cancelled",
                     task->Name());
  }
  return MakeError(ErrorKind::kGetTimeout, StatusCode::kDeadlineExceeded, "the object was not ready in time");
}

Status ProcessDag::Receive(Execution& execution) {
  for (const ReceivedOutput& output : processes_.outputs) {
    TRIUNE_RETURN_IF_ERROR(Receive(execution, output));
  }
  return {};
}

Status ProcessDag::Receive(Execution& execution, const ReceivedOutput& output) {
  TRIUNE_ASSIGN_OR_RETURN(ChannelValue value, ReadChannel(region_, *memory_, output.value, execution.room()));
  // The processes can write there; what is read twice must not change meanwhile.
  std::byte copy[ValueSlot::kBytes];
  if (value.is_in_slot) {
    std::copy(value.bytes.begin(), value.bytes.end(), copy);
    value.bytes = {copy, value.bytes.size()};
  }
  if (value.is_error()) {
    MessageReader reader(value.bytes);
    Status status = ReadStatus(reader);
    return status.ok() ? Internal("an error of a compiled DAG that is none") : status;
  }
  if (output.codec == nullptr || !execution.NeedsOutput(output.output)) return {};
  TRIUNE_ASSIGN_OR_RETURN(const detail::Decoder decoder, value.Decoder());
  try {
    output.codec->decode(decoder, execution.place(plan_.outputs[output.output].value_at));
  } catch (const std::exception& error) {
    return InvalidArgument("the bytes are no " + detail::TypeName(*output.codec->type) + ": " + error.what());
  } catch (...) {
    return InvalidArgument("the bytes are no " + detail::TypeName(*output.codec->type));
  }
  execution.SetHasOutput(output.output);
  return {};
}

void ProcessDag::Release(DagExecution& handle) noexcept {
  Execution& execution = Execution::Of(handle);
  execution.DestroyValues();
  std::lock_guard lock(mutex_);
  dropped_.push_back(&execution);
  TakeBackRooms();
}

void ProcessDag::AwaitAll(bool stop) noexcept {
  std::vector<Execution*> under_way;
  {
    std::lock_guard lock(mutex_);
    for (const auto& execution : executions_) {
      if (execution->in_use) under_way.push_back(execution.get());
    }
  }
  for (const Execution* execution : under_way) {
    while (!IsSettled(*execution)) {
      if (stop) {
        for (const auto& lane : lanes_) CancelFamily(lane->task(), {});
      }
      std::ignore = Await(*execution, stop ? Now() + kTellAgainAfter : kNever);
    }
  }
}

void ProcessDag::Close(bool stop) noexcept {
  {
    std::lock_guard lock(mutex_);
    is_closed_ = true;
    if (stop && !is_broken_.load()) was_stopped_ = true;
  }
  if (stop && region_.words().state.load() == RegionWords::kRun) region_.Tell(RegionWords::kStop);
  std::lock_guard closing(closing_);
  if (has_ended_) return;
  // It waits also on behalf of a task that was cancelled, and nobody is asked whether that is a good idea.
  detail::Frame* const frame = std::exchange(detail::current_frame, nullptr);
  AwaitAll(stop);
  region_.Tell(RegionWords::kEnd);
  for (uint32_t i = 0; i < lanes_.size(); ++i) {
    // One that has not begun, behind other calls of its actor, will not: nobody waits for it.
    uint32_t waits = LaneWords::kWaits;
    if (region_.lane(i).state.compare_exchange_strong(waits, LaneWords::kNotWanted)) continue;
    if (waits == LaneWords::kNotWanted) continue;
    detail::Object* object[] = {&lanes_[i]->task()};
    std::ignore = engine_.WaitFor(object, 1, kNever);
  }
  detail::current_frame = frame;
  has_ended_ = true;
  host_.RemoveDag(*this);
}

}  // namespace triune::compute
