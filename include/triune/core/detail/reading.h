// Looking at a value that may be freed meanwhile.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>

#include "triune/core/detail/object.h"

namespace triune::detail {

/// The objects that one thread looks at. Whoever is to destroy a value looks here, and waits.
struct ReadingThread {
  static constexpr size_t kMost = 8;
  std::array<std::atomic<const Object*>, kMost> objects{};
  size_t depth = 0;
};
inline thread_local constinit ReadingThread* reading_thread = nullptr;

/// While it is there, the value of the object is not destroyed, if it was usable at the beginning. For short looks:
/// Free waits. It costs no more than a store, since it is Free that sees to the order of things (membarrier).
class Reading {
 public:
  explicit Reading(Object& object) noexcept : object_(object) {
    if (reading_thread == nullptr || reading_thread->depth == ReadingThread::kMost) [[unlikely]] {
      if (!Register(object)) return;
    }
    place_ = &reading_thread->objects[reading_thread->depth++];
    place_->store(&object, std::memory_order_relaxed);
    if (needs_fence) [[unlikely]]
      std::atomic_thread_fence(std::memory_order_seq_cst);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  ~Reading() {
    if (place_ == nullptr) [[unlikely]] {
      user_.EndUse(object_);
      return;
    }
    place_->store(nullptr, std::memory_order_release);
    --reading_thread->depth;
  }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  /// Whether there is a value, or an error, to look at.
  bool usable() const noexcept { return (place_ != nullptr || user_.has_value()) && object_.usable(); }

  /// For whoever destroys the value of an object that is not usable any more: waits for those that look at it. False
  /// when this thread does.
  static bool WaitForOthers(const Object& object) noexcept;

 private:
  /// The system has no membarrier.
  static const bool needs_fence;
  /// False when it has become a use instead: too many are inside of each other, as where copying a value gets another.
  bool Register(Object& object) noexcept;

  class User final : public ValueUser {
   public:
    void OnReady(Object&) noexcept override {}
  };

  Object& object_;
  User user_;
  std::atomic<const Object*>* place_ = nullptr;
};

}  // namespace triune::detail
