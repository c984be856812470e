#include "triune/core/detail/generator_task.h"

#include <utility>

#include "compute/task_error.h"

namespace triune::detail {

void GeneratorTask::Run() noexcept {
  if (elsewhere_) return Task::Run();
  // For those who count, it runs from its beginning to its end.
  if (!(stream_.suspended() ? Advance(kQueued, kRunning) : Claim())) return Unref();
  Frame frame{.task = *this, .outer = current_frame, .attempt = attempts_, .caller = caller_};
  current_frame = &frame;
  Status status;
  while (true) {
    const int left = retries() - attempts_;
    status = stream_.suspended() ? Resume() : Try(attempts_, left <= 0);
    if (stream_.suspended() || !WantsRetry(left, attempts_, status)) break;
    Note(TaskEvent::kRetried, &status);
    frame.attempt = ++attempts_;
  }
  caller_ = frame.caller;
  current_frame = frame.outer;
  if (stream_.suspended()) return Park();
  End(std::move(status));
  Unref();
}

Status GeneratorTask::Resume() noexcept {
  Status status;
  try {
    status = stream_.Continue();
  } catch (...) {
    return compute::Thrown(*this, attempts_);
  }
  return status.ok() ? Status() : compute::Returned(*this, attempts_, std::move(status));
}

void GeneratorTask::Park() noexcept {
  // The engine does not know of it meanwhile, as of one that waits for arguments.
  must_wait_ = true;
  runner().Announce(*this);
  if (!Advance(kRunning, kWaiting)) return EndAbandoned();
  if (!stream_.Park()) Unpark();
}

void GeneratorTask::Unpark() noexcept {
  if (!Advance(kWaiting, kQueued)) return EndAbandoned();
  runner().Enqueue(*this);
}

void GeneratorTask::EndAbandoned() noexcept {
  DropArguments();
  runner().Dismiss(*this);
  Unref();
}

std::shared_ptr<GeneratorReader> StartGenerator(Engine& engine, Pointer<GeneratorTask> task) {
  GeneratorTask& started = *task;
  GeneratorStream& stream = *started.stream();
  auto reader = std::make_shared<GeneratorReader>(std::move(task), stream);
  stream.Begin(started.options() == nullptr || started.options()->AsksForOneCpuOnly());
  if (engine.is_foreign()) {
    started.Abandon(
        Unimplemented("a generator can't be submitted in a process for tasks; it can be called there, as a range"));
    return reader;
  }
  Status status = stream.Check();
  if (!status.ok()) started.Abandon(std::move(status));
  StartTask(engine, started);
  return reader;
}

std::shared_ptr<GeneratorReader> StartGenerator(ActorCore& actor, Pointer<GeneratorCall> task) {
  GeneratorCall& started = *task;
  GeneratorStream& stream = *started.stream();
  auto reader = std::make_shared<GeneratorReader>(std::move(task), stream);
  stream.Begin(false);
  StartCall(actor, started);
  return reader;
}

}  // namespace triune::detail
