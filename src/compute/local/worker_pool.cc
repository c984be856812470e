#include "compute/local/worker_pool.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include "compute/spin.h"

namespace triune::compute {
namespace {

/// A worker looks at the common queue after so many tasks of its own, so that nobody waits for ever.
constexpr uint32_t kTicksPerInjected = 61;
constexpr size_t kInjectedBatch = 32;
/// How long a thread looks for work before it parks: waking it would cost about as much.
constexpr auto kSearchFor = std::chrono::microseconds(50);

thread_local void* this_worker = nullptr;

}  // namespace

WorkerPool::WorkerPool(int width)
    : counts_(Pack({.running = 0, .searching = 0, .limit = static_cast<uint32_t>(std::max(width, 1))})),
      workers_(kMostThreads) {}

WorkerPool::~WorkerPool() {
  {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return IsDone(); });
    stopping_ = true;
    for (Worker* worker : parked_) {
      worker->wake.store(1, std::memory_order_release);
      worker->wake.notify_one();
    }
  }
  for (auto& worker : owned_) worker->thread.join();
}

bool WorkerPool::IsDone() const noexcept {
  const Counts counts = Unpack(counts_.load(std::memory_order_seq_cst));
  return counts.running == 0 && counts.blocked == 0 && held_.load() == 0 && !AnyQueued();
}

void WorkerPool::Drain(const std::function<bool()>& free_some) noexcept {
  std::unique_lock lock(mutex_);
  is_draining_.store(true);
  while (!IsDone()) {
    const uint64_t changes = changes_;
    if (running() == 0 && held_.load() != 0 && !AnyQueued()) {
      lock.unlock();
      const bool has_freed = free_some();
      lock.lock();
      if (has_freed || changes != changes_) continue;
      if (IsDone()) break;
    }
    idle_.wait(lock);
  }
}

void WorkerPool::WakeDrain() noexcept {
  if (!is_draining_.load()) return;
  std::lock_guard lock(mutex_);
  NotifyIdle();
}

void WorkerPool::NotifyIdle() noexcept {
  ++changes_;
  idle_.notify_all();
}

WorkerPool* WorkerPool::OfThisThread() noexcept {
  auto* worker = static_cast<Worker*>(this_worker);
  return worker == nullptr ? nullptr : &worker->pool;
}

void WorkerPool::Enqueue(Runnable& work) noexcept {
  if (IsWorker()) {
    static_cast<Worker*>(this_worker)->deque.Push(&work);
  } else {
    injector_.Push(work);
  }
  Notify();
}

void WorkerPool::Notify() noexcept {
  // The queue was written before, the counts are read now; a worker that parks does it the other way round. Adding
  // nothing is a fence that ThreadSanitizer knows: one of the two sees the other.
  uint64_t word = counts_.fetch_add(0, std::memory_order_seq_cst);
  while (true) {
    Counts counts = Unpack(word);
    if (counts.searching > 0 || counts.running >= counts.limit) return;
    if (counts_.compare_exchange_weak(word, word + Pack({1, 1}), std::memory_order_seq_cst)) {
      break;
    }
  }
  if (!WakeOrStart()) counts_.fetch_sub(Pack({1, 1}), std::memory_order_seq_cst);
}

bool WorkerPool::WakeOrStart(Runnable* work) noexcept {
  std::lock_guard lock(mutex_);
  if (!parked_.empty()) {
    Worker* worker = parked_.back();
    parked_.pop_back();
    worker->handed = work;
    worker->wake.store(1, std::memory_order_release);
    worker->wake.notify_one();
    return true;
  }
  size_t index = owned_.size();
  if (index == kMostThreads) return false;
  try {
    Worker& worker = *owned_.emplace_back(std::make_unique<Worker>(*this));
    worker.handed = work;
    worker.random = static_cast<uint32_t>(index) * 2654435761U + 1;
    workers_[index].store(&worker, std::memory_order_release);
    worker_count_.store(index + 1, std::memory_order_release);
    worker.thread = std::jthread([this, &worker] { Loop(worker); });
  } catch (const std::system_error&) {
    // The deque is empty, and may stay in the list.
    workers_[index].store(nullptr, std::memory_order_release);
    owned_.pop_back();
    worker_count_.store(index, std::memory_order_release);
    return false;
  }
  return true;
}

void WorkerPool::Loop(Worker& worker) {
  this_worker = &worker;
  // A thread begins as one that searches.
  Runnable* task = Search(worker);
  while (task != nullptr) {
    task->Run();
    if (Watcher* watcher = watcher_.load(std::memory_order_relaxed)) watcher->OnTaskDone();
    if (ParkIfTooMany(worker)) {
      if (stopping_.load(std::memory_order_relaxed)) break;
      task = Search(worker);  // whoever woke it counted it as one that searches
      continue;
    }
    task = Next(worker);
    if (task == nullptr) {
      counts_.fetch_add(Pack({0, 1}), std::memory_order_seq_cst);
      task = Search(worker);
    }
  }
  this_worker = nullptr;
}

detail::Runnable* WorkerPool::Next(Worker& worker) noexcept {
  if (++worker.ticks % kTicksPerInjected == 0) {
    if (Runnable* task = TakeInjected(worker)) return task;
  }
  if (Runnable* task = worker.deque.Pop()) return task;
  if (Runnable* task = TakeInjected(worker)) return task;
  return Steal(worker);
}

detail::Runnable* WorkerPool::TakeInjected(Worker& worker) noexcept {
  size_t count;
  Runnable* first = injector_.Take(kInjectedBatch, &count);
  if (first == nullptr) return nullptr;
  // Pushed latest first, so that they come out in the order in which they came.
  Runnable* rest = nullptr;
  for (Runnable* task = first->next_; task != nullptr;) {
    Runnable* next = task->next_;
    task->next_ = rest;
    rest = task;
    task = next;
  }
  while (rest != nullptr) {
    Runnable* next = rest->next_;
    worker.deque.Push(rest);
    rest = next;
  }
  if (count > 1) Notify();  // they were out of sight for a moment, in which others may have gone to sleep
  return first;
}

detail::Runnable* WorkerPool::Steal(Worker& worker) noexcept {
  size_t count = worker_count_.load(std::memory_order_acquire);
  worker.random = worker.random * 1664525U + 1013904223U;
  for (size_t i = 0, at = worker.random % std::max<size_t>(count, 1); i < count;
       ++i, at = at + 1 == count ? 0 : at + 1) {
    Worker* victim = workers_[at].load(std::memory_order_acquire);
    if (victim == nullptr || victim == &worker) continue;
    if (Runnable* task = victim->deque.Steal()) return task;
  }
  return nullptr;
}

int64_t WorkerPool::only_blocked() const noexcept {
  if (AnyQueued()) return -1;
  const Counts counts = Unpack(counts_.load(std::memory_order_seq_cst));
  return counts.running == 0 && !AnyQueued() ? int64_t{counts.blocked} : -1;
}

bool WorkerPool::AnyQueued() const noexcept {
  if (!injector_.empty()) return true;
  size_t count = worker_count_.load(std::memory_order_acquire);
  for (size_t i = 0; i < count; ++i) {
    Worker* worker = workers_[i].load(std::memory_order_acquire);
    if (worker != nullptr && !worker->deque.empty()) return true;
  }
  return false;
}

detail::Runnable* WorkerPool::Search(Worker& worker) noexcept {
  while (true) {
    if (Runnable* task = std::exchange(worker.handed, nullptr)) {
      StopSearching();
      return task;
    }
    if (Runnable* task = SearchForAWhile(worker)) {
      if (!Unpack(StopSearching()).too_many()) return task;
      // Somebody else runs in its place: this thread steps back, and what it has found waits for the next.
      worker.deque.Push(task);
      if (ParkIfTooMany(worker)) {
        if (stopping_.load(std::memory_order_relaxed)) return nullptr;
      } else {
        counts_.fetch_add(Pack({0, 1}), std::memory_order_seq_cst);
      }
      continue;
    }
    // Not searching any more from here on; whoever queues a task now wakes somebody.
    PutToSleep(worker, {1, 1});
    ThreadIsFree();             // may choose this very thread
    if (AnyQueued()) Notify();  // and so may this
    worker.wake.wait(0, std::memory_order_acquire);
    if (stopping_.load(std::memory_order_relaxed)) return nullptr;
  }
}

detail::Runnable* WorkerPool::SearchForAWhile(Worker& worker) noexcept {
  Spinner spinner;
  auto until = std::chrono::steady_clock::now() + kSearchFor;
  do {
    if (Runnable* task = Next(worker)) return task;
    spinner.Pause();
  } while (std::chrono::steady_clock::now() < until);
  return nullptr;
}

uint64_t WorkerPool::StopSearching() noexcept {
  // The last one that searched sees to it that another one does: there may be more.
  uint64_t before = counts_.fetch_sub(Pack({0, 1}), std::memory_order_seq_cst);
  if (Unpack(before).searching == 1 && AnyQueued()) Notify();
  return before;
}

void WorkerPool::PutToSleep(Worker& worker, Counts counted_as) noexcept {
  std::lock_guard lock(mutex_);
  // Whoever ends the pool has woken those that were parked, and nobody comes for one more.
  bool is_late = stopping_.load(std::memory_order_relaxed);
  worker.wake.store(is_late ? 1 : 0, std::memory_order_relaxed);
  if (!is_late) parked_.push_back(&worker);
  uint64_t before = counts_.fetch_sub(Pack(counted_as), std::memory_order_seq_cst);
  if (Unpack(before).running == counted_as.running) NotifyIdle();
}

bool WorkerPool::ParkIfTooMany(Worker& worker) noexcept {
  uint64_t word = counts_.load(std::memory_order_relaxed);
  do {
    if (!Unpack(word).too_many()) return false;
  } while (!counts_.compare_exchange_weak(word, word - Pack({1, 0}), std::memory_order_seq_cst));
  PutToSleep(worker, {0, 0});
  ThreadIsFree();
  worker.wake.wait(0, std::memory_order_acquire);
  return true;
}

void WorkerPool::DropStale() noexcept {
  if (IsWorker()) {
    WorkDeque& deque = static_cast<Worker*>(this_worker)->deque;
    while (Runnable* work = deque.Pop()) {
      if (work->DropIfStale()) continue;
      deque.Push(work);
      Notify();  // it was out of sight for a moment, in which others may have gone to sleep
      return;
    }
  } else {
    size_t count;
    while (Runnable* work = injector_.Take(1, &count)) {
      if (work->DropIfStale()) continue;
      injector_.PushFront(*work);
      Notify();
      return;
    }
  }
}

detail::Task* WorkerPool::TakeBatchable() noexcept {
  if (!IsWorker()) return nullptr;
  auto& worker = *static_cast<Worker*>(this_worker);
  Runnable* work = worker.deque.Pop();
  if (work == nullptr) work = TakeInjected(worker);
  if (work == nullptr) return nullptr;
  if (detail::Task* task = work->batchable()) return task;
  worker.deque.Push(work);
  Notify();  // it was out of sight for a moment, in which others may have gone to sleep
  return nullptr;
}

bool WorkerPool::TryBeginRunning() noexcept {
  uint64_t word = counts_.load(std::memory_order_relaxed);
  do {
    // One that searches steps back when it finds something and there are too many.
    Counts counts = Unpack(word);
    if (counts.running - counts.searching >= counts.limit) return false;
  } while (!counts_.compare_exchange_weak(word, word + Pack({1, 0}), std::memory_order_seq_cst));
  return true;
}

void WorkerPool::EndRunning() noexcept {
  uint64_t before = counts_.fetch_sub(Pack({1, 0}), std::memory_order_seq_cst);
  ThreadIsFree();
  if (!Unpack(before).too_many() && AnyQueued()) Notify();
}

void WorkerPool::BeginBlocking() noexcept {
  // In one step, so that the destructor sees one or the other.
  counts_.fetch_add(Pack({.running = 0, .blocked = 1}) - Pack({.running = 1}), std::memory_order_seq_cst);
  ThreadIsFree();
  if (AnyQueued()) Notify();
  WakeDrain();
}

void WorkerPool::ThreadIsFree() noexcept {
  if (Watcher* watcher = watcher_.load()) watcher->OnThreadFree();
}

void WorkerPool::SetLimit(int64_t threads) noexcept {
  const auto limit = static_cast<uint32_t>(std::clamp<int64_t>(threads, 0, kMostThreads));
  uint64_t word = counts_.load(std::memory_order_relaxed);
  Counts counts;
  do {
    counts = Unpack(word);
    counts.limit = limit;
  } while (!counts_.compare_exchange_weak(word, Pack(counts), std::memory_order_seq_cst));
  for (uint32_t i = Unpack(word).limit; i < limit && AnyQueued(); ++i) Notify();
}

void WorkerPool::StartWith(Runnable& work) noexcept {
  // As one that searches, which is what threads begin as.
  counts_.fetch_add(Pack({1, 1}), std::memory_order_seq_cst);
  if (WakeOrStart(&work)) return;
  counts_.fetch_sub(Pack({1, 1}), std::memory_order_seq_cst);
  Enqueue(work);
}

void WorkerPool::EndHolding() noexcept {
  // Under the mutex: the pool may be gone right after.
  std::lock_guard lock(mutex_);
  if (held_.fetch_sub(1) == 1) NotifyIdle();
}

void WorkerPool::EndBlocking() noexcept {
  counts_.fetch_add(Pack({.running = 1}) - Pack({.running = 0, .blocked = 1}), std::memory_order_seq_cst);
}

size_t WorkerPool::thread_count() const {
  std::lock_guard lock(mutex_);
  return owned_.size();
}

}  // namespace triune::compute
