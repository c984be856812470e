// The work of one worker, which others may steal.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "triune/core/detail/runnable.h"

namespace triune::compute {

/// One thread pushes and pops at the bottom, latest first; any other steals at the top, oldest first.
/// D. Chase, Y. Lev, Dynamic Circular Work-Stealing Deque, SPAA 2005; memory orders after N. M. Lê et al., Correct and
/// Efficient Work-Stealing for Weak Memory Models, PPoPP 2013, with sequentially consistent accesses instead of fences.
class WorkDeque {
 public:
  using Runnable = detail::Runnable;

  WorkDeque() { rings_.push_back(std::make_unique<Ring>(kFirstCapacity)), ring_.store(rings_.back().get()); }

  void Push(Runnable* task) {
    int64_t bottom = bottom_.load(std::memory_order_relaxed);
    int64_t top = top_.load(std::memory_order_acquire);
    Ring* ring = ring_.load(std::memory_order_relaxed);
    if (bottom - top >= ring->capacity()) ring = Grow(ring, top, bottom);
    ring->Put(bottom, task);
    bottom_.store(bottom + 1, std::memory_order_release);
  }

  /// Null when there is none.
  Runnable* Pop() {
    int64_t bottom = bottom_.load(std::memory_order_relaxed) - 1;
    // Seldom there is anything: no need to disturb the thieves.
    if (bottom < top_.load(std::memory_order_relaxed)) return nullptr;
    Ring* ring = ring_.load(std::memory_order_relaxed);
    bottom_.store(bottom, std::memory_order_seq_cst);
    int64_t top = top_.load(std::memory_order_seq_cst);
    if (top > bottom) {
      bottom_.store(bottom + 1, std::memory_order_relaxed);
      return nullptr;
    }
    Runnable* task = ring->Get(bottom);
    if (top < bottom) return task;
    // The last one: a thief may be at it.
    bool mine = top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst, std::memory_order_relaxed);
    bottom_.store(bottom + 1, std::memory_order_relaxed);
    return mine ? task : nullptr;
  }

  /// Null when there is none, or when somebody else was faster.
  Runnable* Steal() {
    int64_t top = top_.load(std::memory_order_seq_cst);
    int64_t bottom = bottom_.load(std::memory_order_seq_cst);
    if (top >= bottom) return nullptr;
    Runnable* task = ring_.load(std::memory_order_acquire)->Get(top);
    bool mine = top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst, std::memory_order_relaxed);
    return mine ? task : nullptr;
  }

  bool empty() const { return top_.load(std::memory_order_seq_cst) >= bottom_.load(std::memory_order_seq_cst); }

 private:
  static constexpr int64_t kFirstCapacity = 256;

  class Ring {
   public:
    explicit Ring(int64_t capacity) : mask_(capacity - 1), tasks_(static_cast<size_t>(capacity)) {}
    int64_t capacity() const { return mask_ + 1; }
    void Put(int64_t at, Runnable* task) {
      tasks_[static_cast<size_t>(at & mask_)].store(task, std::memory_order_relaxed);
    }
    Runnable* Get(int64_t at) const { return tasks_[static_cast<size_t>(at & mask_)].load(std::memory_order_relaxed); }

   private:
    const int64_t mask_;
    std::vector<std::atomic<Runnable*>> tasks_;
  };

  Ring* Grow(Ring* old, int64_t top, int64_t bottom) {
    // A thief may still be reading the old ring: it stays until the end, which makes twice the memory at most.
    Ring* ring = rings_.emplace_back(std::make_unique<Ring>(old->capacity() * 2)).get();
    for (int64_t i = top; i < bottom; ++i) ring->Put(i, old->Get(i));
    ring_.store(ring, std::memory_order_release);
    return ring;
  }

  alignas(64) std::atomic<int64_t> top_{0};
  alignas(64) std::atomic<int64_t> bottom_{0};
  std::atomic<Ring*> ring_{nullptr};
  std::vector<std::unique_ptr<Ring>> rings_;
};

}  // namespace triune::compute
