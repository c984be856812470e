// Tasks whose functions are generators.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "triune/core/detail/actor.h"
#include "triune/core/detail/engine.h"
#include "triune/core/detail/generator_stream.h"
#include "triune/core/detail/task.h"

namespace triune::detail {

/// Of a function. While it waits for its consumers it has no thread.
class GeneratorTask : public Task {
 public:
  GeneratorTask(Engine& engine, std::shared_ptr<const TaskOptions> options, const GeneratorElement& element)
      : Task(engine, std::move(options)), stream_(*this, engine, element) {}
  GeneratorStream* stream() noexcept final { return &stream_; }
  void Run() noexcept final;
  /// Who waits for it must not become its thread: it may be the one that takes.
  bool RunForWaiter() noexcept final { return false; }
  /// Back to the queue, or to its end when it was abandoned. Takes over a reference.
  void Unpark() noexcept;

 protected:
  Status Drive(GeneratorFrame frame) { return stream_.Drive(std::move(frame)); }
  void DropFrame() noexcept { stream_.DropFrame(); }

 private:
  Status Resume() noexcept;
  void Park() noexcept;
  void EndAbandoned() noexcept;

  uint64_t caller_ = 0;
  GeneratorStream stream_;
};

/// Of an actor's method, which keeps its turn until the end.
class GeneratorCall : public ActorTask {
 public:
  GeneratorCall(ActorCore& actor, std::shared_ptr<const TaskOptions> options, const GeneratorElement& element)
      : ActorTask(actor, std::move(options)), stream_(*this, actor.engine(), element) {}
  GeneratorStream* stream() noexcept final { return &stream_; }

 protected:
  Status Drive(GeneratorFrame frame) { return stream_.Drive(std::move(frame)); }
  void DropFrame() noexcept { stream_.DropFrame(); }

 private:
  GeneratorStream stream_;
};

/// `Base`: one of the two above.
template <typename Base, typename T>
class Yielding : public Base {
 public:
  using Element = T;
  template <typename Owner>
  Yielding(Owner& owner, std::shared_ptr<const TaskOptions> options)
      : Base(owner, std::move(options), kGeneratorElement<T>) {}
};

/// What a task with such a result is based on.
template <typename R>
struct TaskBase {
  using OfFunction = Task;
  using OfMethod = ActorTask;
};
template <typename T>
struct TaskBase<Generator<T>> {
  using OfFunction = Yielding<GeneratorTask, T>;
  using OfMethod = Yielding<GeneratorCall, T>;
};

std::shared_ptr<GeneratorReader> StartGenerator(Engine& engine, Pointer<GeneratorTask> task);
std::shared_ptr<GeneratorReader> StartGenerator(ActorCore& actor, Pointer<GeneratorCall> task);

}  // namespace triune::detail
