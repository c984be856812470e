// What a worker does all its life.
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <exception>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "compute/dag/dag_loop.h"
#include "compute/dag/dag_loop_task.h"
#include "compute/logs/worker_output.h"
#include "compute/process/driver_connection.h"
#include "compute/process/error_message.h"
#include "compute/process/run_message.h"
#include "compute/process/worker_engine.h"
#include "compute/process/yield_channel.h"
#include "compute/process/zygote_protocol.h"
#include "compute/task_error.h"
#include "triune/core/detail/remote_function.h"
#include "triune/core/detail/task.h"

namespace triune::compute {
namespace {

/// A task of another process, for those who ask about it on the thread that runs it: RuntimeContext, error messages.
class ForeignTask final : public detail::Task {
 public:
  ForeignTask(detail::TaskRunner& runner, std::shared_ptr<const TaskOptions> options)
      : Task(runner, std::move(options)) {}

 private:
  ~ForeignTask() override = default;
  void AwaitArguments() noexcept override {}
  const Status* ArgumentError() const noexcept override { return nullptr; }
  Status Invoke(bool) override { return {}; }
  void DropArguments() noexcept override {}
  bool repeatable() const noexcept override { return false; }
  std::string FunctionName() const override { return {}; }
};

/// What all threads of a worker have in common.
struct WorkerState {
  explicit WorkerState(DriverConnection& d, std::unique_ptr<WorkerEngine> made)
      : driver(d), engine(*made), session(WorkerSession::Make(std::move(made))) {}

  DriverConnection& driver;
  WorkerEngine& engine;
  const std::unique_ptr<Session> session;
  detail::RemoteInstance instance;
  /// Held around each call, unless the actor runs several at the same time.
  std::mutex one_at_a_time;
  bool several_at_a_time = false;
  struct Loop {
    std::atomic<bool> is_over{false};
    std::thread thread{};
  };
  std::list<Loop> loops;             ///< Of compiled DAGs. Of the first thread.
  std::vector<std::thread> threads;  ///< Of an actor that runs several calls at the same time, besides the first.
  std::mutex output_mutex;
  WorkerOutput output;
};

/// Runs tasks, one after the other.
class WorkerThread {
 public:
  explicit WorkerThread(WorkerState& worker) : worker_(worker), driver_(worker.driver) {}

  void Run() {
    while (auto message = driver_.NextTask()) {
      if (IsLoop(*message)) {
        StartLoop(*std::move(message));
      } else {
        RunMessage(*message);
      }
    }
  }

 private:
  static bool IsLoop(std::span<const std::byte> message) {
    MessageReader reader(message);
    std::ignore = reader.Take<MessageKind>();
    return detail::RemoteRegistry::At(reader.Take<RunHeader>().function) == DagLoopFunction();
  }

  /// Beside other calls, which go on.
  void StartLoop(DriverConnection::Bytes message) {
    std::lock_guard lock(worker_.output_mutex);
    std::erase_if(worker_.loops, [](WorkerState::Loop& loop) {
      if (!loop.is_over.load()) return false;
      loop.thread.join();
      return true;
    });
    WorkerState::Loop& loop = worker_.loops.emplace_back();
    loop.thread = std::thread([&worker = worker_, &loop, message = std::move(message)] {
      WorkerThread(worker).RunMessage(message);
      loop.is_over.store(true);
    });
  }

  void RunMessage(std::span<const std::byte> message) {
    MessageReader reader(message);
    std::ignore = reader.Take<MessageKind>();
    RunTask(reader);
  }

  void RunTask(MessageReader& message) {
    const auto header = message.Take<RunHeader>();
    if (header.slot >= kSlots) return;
    std::atomic<uint32_t>& stage = driver_.page().slots[header.slot];
    uint32_t word = slot::Word(header.sequence, slot::kSent);
    const bool begins = stage.compare_exchange_strong(word, slot::Word(header.sequence, slot::kRunning));
    if (!begins && word != (slot::Word(header.sequence, slot::kSent) | slot::kCancelled)) return;  // taken back
    Status status = begins ? Call(header, message) : Skip(header, message);
    MessageWriter result(outgoing_, MessageKind::kResult);
    result.Put(header.slot);
    result.Put(header.sequence);
    driver_.WriteReleases(result);
    WriteStatus(result, status);
    if (status.ok() && has_result_) {
      const size_t begin = outgoing_.size();
      Status written = WriteValue(result, result_, driver_);
      if (written.ok()) written = driver_.CheckLength(outgoing_);
      if (!written.ok()) {
        outgoing_.resize(begin - sizeof(StatusCode));
        WriteStatus(result, written.WithContext("the result of " + name_ + " could not be sent"));
      }
    }
    result_.Clear();  // first: what it has kept is released with the result
    driver_.SendResult(outgoing_);
    if (status.ok() && header.threads > 1) StartThreads(header.threads - 1);
  }

  void StartThreads(int count) {
    for (int i = 0; i < count && worker_.threads.size() < static_cast<size_t>(count); ++i) {
      worker_.threads.emplace_back([&worker = worker_] { WorkerThread(worker).Run(); });
    }
  }

  /// What has come with it is given up.
  Status Skip(const RunHeader& header, MessageReader& message) {
    message.Text();
    for (uint32_t i = 0; i < header.arguments; ++i) TRIUNE_RETURN_IF_ERROR(ReadValue(message, driver_).status());
    return Cancelled("the task was cancelled before it began");
  }

  Status Call(const RunHeader& header, MessageReader& message) {
    name_ = message.Text();
    if (header.threads > 1) worker_.several_at_a_time = true;  // the constructor: nothing else runs yet
    const detail::RemoteFunction* function = detail::RemoteRegistry::At(header.function);
    if (function == nullptr || header.arguments != function->parameters.size()) {
      return Internal("the driver asks for a function that this process does not know");
    }
    if (name_.empty()) name_ = function->name;
    has_result_ = function->result != nullptr;
    std::vector<Buffer> heads;
    std::vector<detail::Decoder> arguments;
    for (uint32_t i = 0; i < header.arguments; ++i) {
      TRIUNE_ASSIGN_OR_RETURN(ReceivedValue value, ReadValue(message, driver_));
      arguments.push_back(std::move(value.decoder));
      heads.push_back(std::move(value.head_block));
    }
    auto options = std::make_shared<TaskOptions>();
    options->name = name_;
    const auto task = detail::Pointer<ForeignTask>::Adopt(new ForeignTask(worker_.engine, std::move(options)));
    detail::Frame frame{.task = *task, .outer = nullptr, .attempt = header.attempt};
    frame.stage = &driver_.page().slots[header.slot];
    detail::current_frame = &frame;
    {
      std::lock_guard lock(worker_.output_mutex);
      worker_.output.Begin(name_);
    }
    YieldChannel yields(driver_, *function, header, frame);
    detail::YieldSink* const sink_before = detail::YieldSink::SetCurrent(&yields);
    Status status;
    std::mutex* const turn = worker_.several_at_a_time ? nullptr : &worker_.one_at_a_time;
    try {
      if (function == DagLoopFunction()) {
        status = RunDagLoop({.driver = driver_,
                             .runner = worker_.engine,
                             .instance = worker_.instance,
                             .one_at_a_time = turn,
                             .stage = frame.stage},
                            arguments[0].head());
      } else {
        std::unique_lock<std::mutex> lock;
        if (turn != nullptr) lock = std::unique_lock(*turn);
        status = function->call(worker_.instance, arguments, result_);
      }
      if (!status.ok()) status = Returned(*task, header.attempt, std::move(status));
    } catch (...) {
      status = Thrown(*task, header.attempt);
    }
    detail::YieldSink::SetCurrent(sink_before);
    detail::current_frame = nullptr;
    {
      std::lock_guard lock(worker_.output_mutex);
      worker_.output.End();
    }
    return status;
  }

  WorkerState& worker_;
  DriverConnection& driver_;
  std::vector<std::byte> outgoing_;
  std::string name_;
  bool has_result_ = false;
  detail::Encoder result_;
};

void RunTasks(DriverConnection& driver) {
  WorkerState worker(driver, std::make_unique<WorkerEngine>(driver));
  std::vector<std::byte> hello;
  MessageWriter message(hello, MessageKind::kHello);
  message.Put(static_cast<uint64_t>(detail::RemoteRegistry::size()));
  message.Put(static_cast<int64_t>(getpid()));
  driver.Send(hello);
  WorkerThread(worker).Run();
  for (std::thread& thread : worker.threads) thread.join();
  for (WorkerState::Loop& loop : worker.loops) loop.thread.join();
  if (worker.instance.object != nullptr) worker.instance.destroy(worker.instance.object);
}

/// The kernel is to take a worker before it takes the driver.
void OfferToBeKilled() {
  const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  std::ignore = write(file, "500", 3);
  close(file);
}

}  // namespace

int WorkerMain(int link_fd) {
  prctl(PR_SET_NAME, "triune-worker");
  OfferToBeKilled();
  Result<shm::Segment> link_memory = shm::Segment::Open(link_fd);
  Result<shm::DiskFile> disk = shm::DiskFile::Open(kDiskDescriptor);
  Result<shm::Segment> memory =
      shm::Segment::Open(kMemoryDescriptor, disk.ok() ? std::optional(*std::move(disk)) : std::nullopt);
  if (!link_memory.ok() || !memory.ok()) return 1;
  Result<Link> link = Link::Open(*link_memory, Link::End::kWorker);
  if (!link.ok()) return 1;
  // Never destroyed: static objects of the program may refer to it to the very end.
  auto* driver = new DriverConnection(std::move(link).value(), std::move(memory).value());
  RunTasks(*driver);
  std::fflush(nullptr);
  return 0;
}

}  // namespace triune::compute
