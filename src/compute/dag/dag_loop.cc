#include "compute/dag/dag_loop.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compute/dag/channel.h"
#include "compute/dag/dag_loop_task.h"
#include "compute/dag/dag_schedule.h"
#include "compute/task_error.h"
#include "triune/core/remote.h"

namespace triune::compute {
namespace {

/// The bell's word is open to all processes of the session: it is not relied on alone.
constexpr Duration kLookAgain = std::chrono::milliseconds(100);

Status InNoOtherWay(const std::vector<std::byte>&) { return Internal("a compiled DAG is run in another way"); }
const bool kIsRegistered = [] {
  detail::RemoteRegistry::Add("compiled DAG", {.key = detail::RemoteKeyOf(&InNoOtherWay),
                                               .name = {},
                                               .parameters = detail::kParameterCodecs<std::vector<std::byte>>,
                                               .result = nullptr,
                                               .call = [](detail::RemoteInstance&, std::span<const detail::Decoder>,
                                                          detail::Encoder&) { return InNoOtherWay({}); }});
  return true;
}();

/// What a thread is busy with while it makes a call.
class LoopCallTask final : public detail::Task {
 public:
  LoopCallTask(detail::TaskRunner& runner, std::shared_ptr<const TaskOptions> options)
      : Task(runner, std::move(options)) {}

 private:
  ~LoopCallTask() override = default;
  void AwaitArguments() noexcept override {}
  const Status* ArgumentError() const noexcept override { return nullptr; }
  Status Invoke(bool) override { return {}; }
  void DropArguments() noexcept override {}
  bool repeatable() const noexcept override { return false; }
  std::string FunctionName() const override { return {}; }
};

class WorkerBlocks final : public DagBlocks {
 public:
  WorkerBlocks(DriverConnection& driver, uint64_t dag) : driver_(driver), dag_(dag) {}
  Result<shm::Block> Exchange(uint64_t old, uint64_t bytes) override {
    return driver_.ExchangeDagBlock(dag_, old, bytes);
  }
  Result<std::span<std::byte>> At(uint64_t offset, uint64_t bytes) override { return driver_.Memory(offset, bytes); }

 private:
  DriverConnection& driver_;
  const uint64_t dag_;
};

class Loop {
 public:
  Loop(const DagLoopPlace& place, LaneSchedule schedule, const DagRegion& region)
      : place_(place),
        schedule_(std::move(schedule)),
        region_(region),
        blocks_(place.driver, schedule_.dag),
        bell_(region_.lane(schedule_.lane).bell, Duration::zero()) {}

  Status Prepare() {
    for (const ScheduledCall& call : schedule_.calls) {
      const detail::RemoteFunction* function = detail::RemoteRegistry::At(call.function);
      if (function == nullptr || function->parameters.size() != call.arguments.size()) {
        return Internal("the driver asks for a function that this process does not know");
      }
      auto options = std::make_shared<TaskOptions>();
      options->name = call.name;
      Step& step = steps_.emplace_back(
          Step{.call = call,
               .function = *function,
               .task = detail::Pointer<LoopCallTask>::Adopt(new LoopCallTask(place_.runner, std::move(options))),
               .result = ChannelWriter(region_, blocks_, call.value),
               .arguments = {}});
      for (const ScheduledArgument& argument : call.arguments) {
        step.arguments.emplace_back();
        if (argument.value != ScheduledArgument::kConstant) continue;
        const ChannelValue constant{.kind = static_cast<ValueSlot::Kind>(argument.kind), .bytes = argument.bytes};
        TRIUNE_ASSIGN_OR_RETURN(step.arguments.back(), constant.Decoder());
      }
    }
    return {};
  }

  Status Run() {
    uint32_t waits = LaneWords::kWaits;
    if (!region_.lane(schedule_.lane).state.compare_exchange_strong(waits, LaneWords::kHasBegun)) return {};
    for (uint64_t number = 0;; ++number) {
      if (!Await([&] { return region_.HasBegun(number); })) return {};
      const uint32_t room = region_.RoomOf(number);
      if (room >= region_.shape().rooms) return Status(StatusCode::kDataLoss, "a compiled DAG without its room");
      for (Step& step : steps_) {
        if (!RunStep(step, room, number)) return {};
      }
    }
  }

 private:
  struct Step {
    const ScheduledCall& call;
    const detail::RemoteFunction& function;
    detail::Pointer<LoopCallTask> task;
    ChannelWriter result;
    std::vector<detail::Decoder> arguments;
  };

  /// False when it is enough.
  template <typename Ready>
  bool Await(Ready ready) {
    while (!region_.is_over()) {
      if (ready()) return true;
      bell_.WaitUntil([&] { return ready() || region_.is_over(); }, std::chrono::steady_clock::now() + kLookAgain);
    }
    return false;
  }

  bool RunStep(Step& step, uint32_t room, uint64_t number) {
    std::optional<ChannelValue> error;
    Status failed;
    // All, also when one is an error: the room is used again when the outputs are there.
    for (size_t i = 0; i < step.arguments.size(); ++i) {
      const uint32_t value = step.call.arguments[i].value;
      if (value == ScheduledArgument::kConstant) continue;
      if (!Await([&] { return region_.HasValue(value, room, number); })) return false;
      if (error.has_value() || !failed.ok()) continue;
      failed = Take(value, room, &step.arguments[i], &error);
    }
    if (failed.ok() && !error.has_value() && region_.words().state.load() == RegionWords::kStop) failed = TornDown();
    if (error.has_value()) {
      step.result.PassError(room, number, error->bytes);
    } else if (!failed.ok() || !(failed = Call(step)).ok()) {
      step.result.WriteError(room, number, failed);
    } else if (step.function.result == nullptr) {
      step.result.WriteNothing(room, number);
    } else {
      step.result.Write(room, number, encoder_);
    }
    encoder_.Clear();
    Tell(step.call);
    return true;
  }

  Status Take(uint32_t value, uint32_t room, detail::Decoder* argument, std::optional<ChannelValue>* error) {
    TRIUNE_ASSIGN_OR_RETURN(const ChannelValue read, ReadChannel(region_, blocks_, value, room));
    if (read.is_error()) {
      *error = read;
      return {};
    }
    TRIUNE_ASSIGN_OR_RETURN(*argument, read.Decoder());
    return {};
  }

  Status Call(Step& step) {
    std::unique_lock<std::mutex> lock;
    if (place_.one_at_a_time != nullptr) lock = std::unique_lock(*place_.one_at_a_time);
    detail::Frame* const outer = detail::current_frame;
    detail::Frame frame{.task = *step.task, .outer = outer};
    frame.stage = place_.stage;
    detail::current_frame = &frame;
    Status status;
    for (int left = step.call.retries;; --left, ++frame.attempt) {
      encoder_.Clear();
      status = TryCall(step, frame.attempt);
      if (status.ok() || left <= 0 || region_.words().state.load() != RegionWords::kRun) break;
    }
    detail::current_frame = outer;
    return status;
  }

  Status TryCall(Step& step, int attempt) {
    try {
      Status status = step.function.call(place_.instance, step.arguments, encoder_);
      return status.ok() ? status : Returned(*step.task, attempt, std::move(status));
    } catch (...) {
      return Thrown(*step.task, attempt);
    }
  }

  static Status TornDown() {
    return MakeError(ErrorKind::kTaskCancelled, StatusCode::kCancelled, "the compiled DAG was torn down",
                     "compiled DAG");
  }

  void Tell(const ScheduledCall& call) {
    for (const uint32_t reader : call.readers) shm::Doorbell(region_.lane(reader).bell).Ring();
    if (!call.is_output) return;
    region_.words().arrivals.fetch_add(1, std::memory_order_release);
    shm::Doorbell(region_.words().bell).Ring();
  }

  const DagLoopPlace& place_;
  const LaneSchedule schedule_;
  const DagRegion region_;
  WorkerBlocks blocks_;
  /// It sleeps at once. There may be more actors than processors, and those that look for their turn would take them
  /// from the one whose turn it is.
  shm::Doorbell bell_;
  std::vector<Step> steps_;
  detail::Encoder encoder_;
};

}  // namespace

const detail::RemoteFunction* DagLoopFunction() {
  static const detail::RemoteFunction* const found =
      kIsRegistered ? detail::RemoteRegistry::Find(detail::RemoteKeyOf(&InNoOtherWay)) : nullptr;
  return found;
}

Status RunDagLoop(const DagLoopPlace& place, std::span<const std::byte> schedule) {
  TRIUNE_ASSIGN_OR_RETURN(LaneSchedule read, LaneSchedule::Read(schedule));
  TRIUNE_ASSIGN_OR_RETURN(const std::span<std::byte> memory, place.driver.Memory(read.region, read.shape.bytes()));
  TRIUNE_ASSIGN_OR_RETURN(const DagRegion region, DagRegion::Open(memory, read.shape));
  Loop loop(place, std::move(read), region);
  TRIUNE_RETURN_IF_ERROR(loop.Prepare());
  return loop.Run();
}

}  // namespace triune::compute
