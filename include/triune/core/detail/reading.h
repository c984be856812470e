// Looking at a value that may be freed meanwhile.
#pragma once

#include <atomic>

#include "triune/core/detail/object.h"

namespace triune::detail {

/// The object that one thread looks at. Whoever is to destroy a value looks here, and waits.
struct ReadingThread {
  std::atomic<const Object*> object{nullptr};
};
inline thread_local constinit ReadingThread* reading_thread = nullptr;

/// While it is there, the value of the object is not destroyed, if it was usable at the beginning. For short looks:
/// Free waits. It costs no more than a store, since it is Free that sees to the order of things (membarrier).
class Reading {
 public:
  explicit Reading(Object& object) noexcept : object_(object), thread_(reading_thread) {
    if (thread_ == nullptr || thread_->object.load(std::memory_order_relaxed) != nullptr) [[unlikely]] {
      if (!Register()) return;
    }
    thread_->object.store(&object, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  ~Reading() {
    if (thread_ == nullptr) [[unlikely]] {
      user_.EndUse(object_);
      return;
    }
    thread_->object.store(nullptr, std::memory_order_release);
  }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  /// Whether there is a value, or an error, to look at.
  bool usable() const noexcept { return (thread_ != nullptr || user_.has_value()) && object_.usable(); }

  /// For whoever destroys the value of an object that is not usable any more: waits for those that look at it. False
  /// when this thread does.
  static bool WaitForOthers(const Object& object) noexcept;

 private:
  /// False when it has become a use instead: inside of another, as where copying a value gets a second one, and where
  /// the system has no membarrier.
  bool Register() noexcept;

  class User final : public ValueUser {
   public:
    void OnReady(Object&) noexcept override {}
  };

  Object& object_;
  ReadingThread* thread_;
  User user_;
};

}  // namespace triune::detail
