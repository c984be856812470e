#include "compute/state/state_book.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "compute/state/state_tracker.h"

namespace triune::compute {

using detail::ActorLife;
using detail::StateShard;
using detail::TaskEvent;

namespace {

// Without a destructor, so that it can be read to the very end of a thread.
thread_local constinit bool thread_is_over = false;

}  // namespace

/// Where this thread counts, for each session.
struct ThreadShards {
  struct Entry {
    StateBook* book;  ///< With a reference.
    StateShard* shard;
  };
  std::vector<Entry> entries{};

  ThreadShards() = default;
  ThreadShards(const ThreadShards&) = delete;
  ThreadShards& operator=(const ThreadShards&) = delete;
  ~ThreadShards() {
    thread_is_over = true;
    for (const Entry& entry : entries) Drop(entry);
  }

  StateShard& Of(StateBook& book) {
    for (const Entry& entry : entries) {
      if (entry.book == &book) return *entry.shard;
    }
    // Of sessions that are over.
    std::erase_if(entries, [](const Entry& entry) {
      if (!entry.book->is_over()) return false;
      Drop(entry);
      return true;
    });
    StateShard& shard = book.NewShard();
    book.Ref();
    entries.push_back({&book, &shard});
    return shard;
  }

 private:
  static void Drop(const Entry& entry) {
    if (detail::current_shard.book == entry.book) detail::current_shard = {nullptr, &detail::nobodys_shard};
    entry.book->EndShard(*entry.shard);
    entry.book->Unref();
  }
};

namespace {

thread_local ThreadShards thread_shards;

template <size_t n>
void AddAll(std::array<std::atomic<uint64_t>, n>& to, const std::array<std::atomic<uint64_t>, n>& from) {
  for (size_t i = 0; i < n; ++i) to[i].fetch_add(from[i].load(std::memory_order_relaxed), std::memory_order_relaxed);
}

/// Of numbers that are not of one moment: less than nothing is nothing.
uint64_t Left(uint64_t came, uint64_t went) { return came > went ? came - went : 0; }

}  // namespace

struct StateBook::Sums {
  /// What ends a state is read first, over all threads, and what begins it last: so a task that is counted where it has
  /// left is counted where it came from, and no state has fewer than it really has.
  std::array<uint64_t, static_cast<size_t>(TaskEvent::kNumber)> tasks{};
  uint64_t given_back_late = 0;
  std::array<uint64_t, static_cast<size_t>(ActorLife::kNumber)> actors{};

  uint64_t Of(TaskEvent event) const { return tasks[static_cast<size_t>(event)]; }
  uint64_t Of(ActorLife life) const { return actors[static_cast<size_t>(life)]; }
};

StateBook::StateBook(std::unique_ptr<StateTracker> tracker) : tracker_(std::move(tracker)) {}
StateBook::~StateBook() = default;

void StateBook::Unref() noexcept {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

StateShard& StateBook::NewShard() {
  auto shard = std::make_unique<StateShard>();
  std::lock_guard lock(mutex_);
  return *shards_.emplace_back(std::move(shard));
}

void StateBook::EndShard(const StateShard& shard) noexcept {
  std::lock_guard lock(mutex_);
  AddAll(ended_.tasks, shard.tasks);
  AddAll(ended_.actors, shard.actors);
  std::erase_if(shards_, [&](const auto& each) { return each.get() == &shard; });
}

StateBook::Sums StateBook::Add() const {
  constexpr TaskEvent kInOrder[] = {
      TaskEvent::kFinished,          TaskEvent::kRunFailed,        TaskEvent::kAbandonedRunning,
      TaskEvent::kAbandonedQueued,   TaskEvent::kAbandonedWaiting, TaskEvent::kFailed,
      TaskEvent::kCancelled,         TaskEvent::kRetried,          TaskEvent::kGivenBack,
      TaskEvent::kDismissedAwaiting, TaskEvent::kArgumentsReady,   TaskEvent::kBegun,
      TaskEvent::kDismissed,         TaskEvent::kAwaits,           TaskEvent::kSubmitted};
  static_assert(std::size(kInOrder) == static_cast<size_t>(TaskEvent::kNumber));
  Sums sums;
  std::lock_guard lock(mutex_);
  auto sum = [this](auto counters, size_t i) {
    uint64_t all = (ended_.*counters)[i].load(std::memory_order_acquire);
    for (const auto& shard : shards_) all += ((*shard).*counters)[i].load(std::memory_order_acquire);
    return all;
  };
  for (const TaskEvent event : kInOrder) {
    const auto i = static_cast<size_t>(event);
    sums.tasks[i] = sum(&StateShard::tasks, i);
  }
  sums.given_back_late = sum(&StateShard::tasks, static_cast<size_t>(TaskEvent::kGivenBack));
  for (size_t i = 0; i < sums.actors.size(); ++i) sums.actors[i] = sum(&StateShard::actors, i);
  return sums;
}

SessionStats::Tasks StateBook::Tasks() const {
  const Sums sums = Add();
  auto of = [&](TaskEvent event) { return sums.Of(event); };
  SessionStats::Tasks tasks;
  tasks.finished = of(TaskEvent::kFinished);
  tasks.failed = of(TaskEvent::kFailed);
  tasks.cancelled = of(TaskEvent::kCancelled);
  tasks.retries = of(TaskEvent::kRetried);
  tasks.running = Left(of(TaskEvent::kBegun), of(TaskEvent::kGivenBack) + of(TaskEvent::kFinished) +
                                                  of(TaskEvent::kRunFailed) + of(TaskEvent::kAbandonedRunning));
  // Those that were abandoned waiting are counted again when their arguments are ready.
  const uint64_t abandoned = Left(of(TaskEvent::kAbandonedWaiting), of(TaskEvent::kDismissed));
  tasks.pending_args_avail =
      Left(of(TaskEvent::kAwaits), of(TaskEvent::kArgumentsReady) + of(TaskEvent::kDismissedAwaiting) + abandoned);
  tasks.pending_node_assignment = Left(of(TaskEvent::kSubmitted) + of(TaskEvent::kGivenBack),
                                       of(TaskEvent::kBegun) + of(TaskEvent::kAbandonedWaiting) +
                                           of(TaskEvent::kAbandonedQueued) + tasks.pending_args_avail);
  return tasks;
}

SessionStats::Actors StateBook::Actors() const {
  const Sums sums = Add();
  auto of = [&](ActorLife life) {
    const auto number = static_cast<int64_t>(sums.Of(life));
    return static_cast<uint64_t>(std::max<int64_t>(number, 0));
  };
  return {.dependencies_unready = of(ActorLife::kDependenciesUnready),
          .pending_creation = of(ActorLife::kPendingCreation),
          .alive = of(ActorLife::kAlive),
          .restarting = of(ActorLife::kRestarting),
          .dead = of(ActorLife::kDead)};
}

void StateBook::NoteActor(detail::ActorCore& actor, ActorLife before, ActorLife now, int restarts,
                          const Status* why) noexcept {
  if (tracker_ != nullptr) tracker_->OnActor(actor, now, restarts, why);
  auto count = [&](auto&& add) {
    if (before != ActorLife::kNumber) add(before, ~uint64_t{0});
    add(now, 1);
  };
  if (thread_is_over) {
    std::lock_guard lock(mutex_);
    count([&](ActorLife life, uint64_t by) { ended_.actors[static_cast<size_t>(life)] += by; });
  } else {
    StateShard& shard = detail::current_shard.book == this ? *detail::current_shard.shard : thread_shards.Of(*this);
    count([&](ActorLife life, uint64_t by) { StateShard::Add(shard.actors[static_cast<size_t>(life)], by); });
  }
}

}  // namespace triune::compute

void triune::detail::NoteSlowly(compute::StateBook* book, TaskEvent event, Task& task, const Status* error) noexcept {
  if (book == nullptr) return;
  // First: what is counted is in the lists.
  if (book->tracker() != nullptr) book->tracker()->OnTask(task, event, error);
  if (compute::thread_is_over) {
    std::lock_guard lock(book->mutex_);
    ++book->ended_.tasks[static_cast<size_t>(event)];
  } else {
    StateShard& shard = compute::thread_shards.Of(*book);
    StateShard::Add(shard.tasks[static_cast<size_t>(event)]);
    if (book->tracker() == nullptr) current_shard = {book, &shard};
  }
}
