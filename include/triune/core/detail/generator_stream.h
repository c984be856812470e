// What a task yields, until somebody takes it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include "triune/core/detail/generator_frame.h"
#include "triune/core/detail/object.h"
#include "triune/core/detail/task.h"
#include "triune/status.h"
#include "triune/time.h"

namespace triune::detail {

class Engine;

/// Part of the task that yields. One producer, which may be in another process; any number of consumers. Ends with the
/// task: for whatever reason that is done. Thread-safe, but for what says that it is the producer's.
class GeneratorStream final : public Waiter {
 public:
  GeneratorStream(Task& task, Engine& engine, const GeneratorElement& element)
      : task_(task), engine_(engine), element_(element) {}
  GeneratorStream(const GeneratorStream&) = delete;
  GeneratorStream& operator=(const GeneratorStream&) = delete;

  /// Once, before the task is started. `may_suspend`: when it is full, Drive returns, and the task parks; otherwise
  /// the thread waits.
  void Begin(bool may_suspend) noexcept;

  // The producer's.
  /// InvalidArgument when it can't be run with its options.
  Status Check() const;
  /// Runs the coroutine, and passes on what it yields. Values that an earlier attempt has yielded already are dropped.
  /// Throws what the coroutine throws. When it is suspended(), there is more to come with Continue.
  Status Drive(GeneratorFrame frame);
  Status Continue();
  bool suspended() const noexcept { return suspended_.load(std::memory_order_relaxed); }
  void DropFrame() noexcept { frame_.Reset(); }
  /// True: task.Unpark comes as soon as there is room, or nobody wants more. False: that is so now.
  bool Park() noexcept;
  /// Values of all attempts.
  uint64_t delivered() const noexcept { return delivered_; }
  enum class Pushed { kMayGoOn, kIsFull, kNotWanted };
  Pushed Push(ObjectPointer object) noexcept;
  /// A value that has come from another process; InvalidArgument when there is no room for it.
  Status Receive(const ValueCodec& codec, const Decoder& decoder);
  /// Null: there is room, or nobody wants more. Otherwise an object that is ready when that is so; until then, or
  /// ForgetRoom, the stream counts as one whose producer waits.
  ObjectPointer AwaitRoom() noexcept;
  void ForgetRoom() noexcept;
  /// For how many values; 0 also when nobody wants more.
  uint32_t room() const noexcept;

  // The consumers'.
  /// The next object; null at the end; the error of the task where it failed, again and again.
  Result<ObjectPointer> Next(TimePoint deadline);
  /// Whether Next would return at once.
  bool next_ready() const noexcept;
  /// Nobody takes any more: cancels the task.
  void Close() noexcept;

  Task& task() const noexcept { return task_; }
  const GeneratorElement& element() const noexcept { return element_; }
  void OnReady(Object& task) noexcept override;

 private:
  /// Who is to be told, without the mutex.
  struct Waiting {
    ObjectPointer consumers{};
    ObjectPointer producer{};
    bool parked = false;
  };
  Waiting ReleaseProducer() noexcept;
  void Tell(Waiting waiting) noexcept;
  Status WaitForRoom();
  bool is_over() const noexcept { return ended_ || closed_; }
  bool WouldWaitForItself() const noexcept;
  bool ComesSoon(const Object& arrival) const noexcept;

  Task& task_;
  Engine& engine_;
  const GeneratorElement& element_;
  // The producer's.
  GeneratorFrame frame_;
  uint64_t yielded_ = 0;    ///< In this attempt.
  uint64_t delivered_ = 0;  ///< In all.
  bool may_suspend_ = false;
  std::atomic<bool> suspended_{false};  ///< Others may ask.

  mutable std::mutex mutex_;
  int64_t limit_ = 1;
  std::deque<ObjectPointer> objects_;
  ObjectPointer arrival_;  ///< Ready when there is something for those who wait in Next.
  ObjectPointer room_;
  bool parked_ = false;
  bool closed_ = false;
  bool ended_ = false;
  Status error_;
};

/// What all handles of a generator share.
class GeneratorReader {
 public:
  GeneratorReader(Pointer<Task> task, GeneratorStream& stream) : task_(std::move(task)), stream_(stream) {}
  ~GeneratorReader() { stream_.Close(); }
  GeneratorReader(const GeneratorReader&) = delete;
  GeneratorReader& operator=(const GeneratorReader&) = delete;

  Result<ObjectPointer> Next(Duration timeout) const;
  /// An error in form of an object: then `is_last` is set.
  ObjectPointer NextOrError(bool* is_last) const;
  /// The task as an object.
  ObjectPointer Completed() const noexcept;
  GeneratorStream& stream() const noexcept { return stream_; }
  const Pointer<Task>& task() const noexcept { return task_; }

 private:
  const Pointer<Task> task_;
  GeneratorStream& stream_;
};

}  // namespace triune::detail
