// How many tasks and actors of a session are in which state.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "triune/core/detail/state_book.h"
#include "triune/core/state.h"
#include "triune/status.h"

namespace triune::detail {
class ActorCore;
}

namespace triune::compute {

class StateTracker;

/// Each thread counts for itself, without locks and without atomic additions; whoever wants to know adds it all up.
/// Counted by its references: of the session, of actors, which may outlive that, and of threads that have counted.
/// Thread-safe.
class StateBook {
 public:
  /// `tracker`: what keeps more than numbers; null: nothing does.
  explicit StateBook(std::unique_ptr<StateTracker> tracker);
  StateBook(const StateBook&) = delete;
  StateBook& operator=(const StateBook&) = delete;

  void Ref() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void Unref() noexcept;
  /// The session is over: threads let go of it, though actors may count here still.
  void SetOver() noexcept { is_over_.store(true, std::memory_order_relaxed); }
  bool is_over() const noexcept { return is_over_.load(std::memory_order_relaxed); }

  StateTracker* tracker() const noexcept { return tracker_.get(); }
  /// `before` is kNumber for one that is new.
  void NoteActor(detail::ActorCore& actor, detail::ActorLife before, detail::ActorLife now, int restarts,
                 const Status* why) noexcept;
  SessionStats::Tasks Tasks() const;
  SessionStats::Actors Actors() const;

 private:
  friend struct ThreadShards;
  friend void detail::NoteSlowly(StateBook*, detail::TaskEvent, detail::Task&, const Status*) noexcept;
  ~StateBook();
  detail::StateShard& NewShard();
  /// The thread is gone.
  void EndShard(const detail::StateShard& shard) noexcept;
  struct Sums;
  Sums Add() const;

  std::atomic<uint32_t> references_{1};
  std::atomic<bool> is_over_{false};
  const std::unique_ptr<StateTracker> tracker_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<detail::StateShard>> shards_;
  detail::StateShard ended_;  ///< Of threads that are gone.
};

}  // namespace triune::compute
