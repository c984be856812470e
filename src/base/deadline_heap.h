// Who must be looked at when.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.h"

namespace triune {

/// Deadlines of objects that are used again and again, each use with a number. Most are over long before their deadline
/// and nobody takes them out then: when those could be the most, they are swept out, so that the heap is never more
/// than a few times as large as what waits. `Owner` must outlive the heap and have
///   bool Awaits(uint64_t use) const;   // whether that use is not over yet
/// Thread-compatible.
template <typename Owner>
class DeadlineHeap {
 public:
  void Add(TimePoint when, Owner& owner, uint64_t use) {
    if (entries_.size() >= sweep_at_) Sweep();
    entries_.push_back({when, &owner, use});
    std::push_heap(entries_.begin(), entries_.end());
  }

  /// Calls run(owner) for each that still waits and whose time has come; it may add others. Returns the time of the
  /// next entry, or kNever.
  template <typename Run>
  TimePoint RunDue(TimePoint now, Run run) {
    while (!entries_.empty() && entries_.front().when <= now) {
      std::pop_heap(entries_.begin(), entries_.end());
      Entry due = entries_.back();
      entries_.pop_back();
      if (due.owner->Awaits(due.use)) run(*due.owner);
    }
    return next();
  }
  TimePoint next() const { return entries_.empty() ? kNever : entries_.front().when; }
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    TimePoint when;
    Owner* owner;
    uint64_t use;
    bool operator<(const Entry& other) const { return when > other.when; }  // the heap's top is the earliest
  };
  static constexpr size_t kFewest = 1024;

  void Sweep() {
    std::erase_if(entries_, [](const Entry& entry) { return !entry.owner->Awaits(entry.use); });
    std::make_heap(entries_.begin(), entries_.end());
    sweep_at_ = std::max(kFewest, 2 * entries_.size());
  }

  std::vector<Entry> entries_;
  size_t sweep_at_ = kFewest;
};

}  // namespace triune
