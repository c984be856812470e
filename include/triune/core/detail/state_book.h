// Counting what becomes of tasks.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace triune {

class Status;

namespace compute {
class StateBook;
}  // namespace compute

}  // namespace triune

namespace triune::detail {

class Object;
class Task;

/// What happens to a task. How many are in which state follows from how often each has happened.
enum class TaskEvent : uint8_t {
  // Those that happen to nearly every task come first, on one cache line.
  kSubmitted,
  kBegun,     ///< Somebody has claimed it, to run it.
  kFinished,  ///< It ran, and has a value.
  kAwaits,    ///< Submitted, and some of its arguments are not ready.
  kArgumentsReady,
  kDismissed,          ///< Its arguments are ready, and it was abandoned before.
  kDismissedAwaiting,  ///< As well, of one that was counted by kAwaits.
  kGivenBack,          ///< It was claimed and has not run: it is queued again.
  kRunFailed,          ///< It ran, and has an error. Then also kFailed or kCancelled.
  kAbandonedWaiting,   ///< An error before its arguments were ready; as well,
  kAbandonedQueued,    ///< before anybody had claimed it,
  kAbandonedRunning,   ///< while it ran.
  kFailed,
  kCancelled,
  kRetried,  ///< It has failed, and is called again.
  kNumber,
};

/// As Ray has them.
enum class ActorLife : uint8_t { kDependenciesUnready, kPendingCreation, kAlive, kRestarting, kDead, kNumber };

/// Counted by one thread, read by others.
struct alignas(64) StateShard {
  static void Add(std::atomic<uint64_t>& counter, uint64_t by = 1) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  std::array<std::atomic<uint64_t>, static_cast<size_t>(TaskEvent::kNumber)> tasks{};
  /// Those that have come into a state, less those that have left it; of one thread it may be less than nothing.
  std::array<std::atomic<uint64_t>, static_cast<size_t>(ActorLife::kNumber)> actors{};
};
inline constinit StateShard nobodys_shard{};

/// Where this thread counts for the session for which it has counted last. Never that of a session that tracks tasks:
/// so that what has to be done for those costs nothing elsewhere.
struct CurrentShard {
  const compute::StateBook* book;
  StateShard* shard;
};
inline thread_local constinit CurrentShard current_shard{nullptr, &nobodys_shard};

void NoteSlowly(compute::StateBook* book, TaskEvent event, Task& task, const Status* error) noexcept;

/// `error`: of those events that have one. No more may be done with the task than its owner may do now.
inline void Note(compute::StateBook* book, TaskEvent event, Task& task, const Status* error = nullptr) noexcept {
  if (current_shard.book == book) [[likely]] {
    StateShard::Add(current_shard.shard->tasks[static_cast<size_t>(event)]);
  } else {
    NoteSlowly(book, event, task, error);
  }
}

/// The object, which nobody else knows yet, is listed from now on, unless there are too many. When true it has to call
/// ForgetObject in the end. `bytes`: of its value; -1: not known.
bool TrackObject(compute::StateBook* book, Object& object, int64_t bytes) noexcept;
/// In the destructor of an object that is tracked.
void ForgetObject(Object& object) noexcept;

}  // namespace triune::detail
