// What Admission gives: to tasks, and to actors.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <utility>

#include "compute/local/admission.h"
#include "triune/core/detail/actor.h"

namespace triune::compute {

/// What is to be done when the mutex is free again is done then: it may lead back here, or into what is the user's.
class Admission::Locked {
 public:
  explicit Locked(Admission& admission) : admission_(admission) { admission_.mutex_.lock(); }
  ~Locked() {
    auto dropped = std::move(admission_.dropped_);
    admission_.dropped_.clear();
    auto later = std::move(admission_.later_);
    admission_.later_.clear();
    admission_.mutex_.unlock();
    for (auto& action : later) action();
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  Admission& admission_;
};

/// On this thread something runs with a holding, on a thread of its own or not; innermost first.
class Admission::Use {
 public:
  /// `holding`: null when it is only for the thread.
  /// `grant`: of the task that begins on this thread.
  Use(Admission& admission, Holding* holding, bool has_thread, Grant* grant = nullptr)
      : admission_(admission),
        holding_(holding),
        has_thread_(has_thread),
        grant_(grant),
        frame_(detail::current_frame),
        outer_(std::exchange(innermost, this)) {}
  ~Use() { innermost = outer_; }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

  /// With what the task on this thread runs; null when that has nothing, but one does that waits below it.
  static const Holding* Current() noexcept {
    for (const Use* use = innermost; use != nullptr; use = use->outer_) {
      if (use->holding_ == nullptr) continue;
      const detail::Frame* frame = detail::current_frame;
      // A constructor that makes an actor anew has no frame.
      const bool is_its = frame == use->frame_ || (frame != nullptr && frame->outer == use->frame_);
      return is_its ? use->holding_ : nullptr;
    }
    return nullptr;
  }
  static Admission* CurrentAdmission() noexcept { return innermost == nullptr ? nullptr : &innermost->admission_; }

  inline static thread_local constinit Use* innermost = nullptr;

  Admission& admission_;
  Holding* const holding_;
  const bool has_thread_;
  Grant* const grant_;
  detail::Frame* const frame_;
  Use* const outer_;
};

/// A task with what it has been given.
class Admission::Grant final : public detail::Runnable {
 public:
  Grant(Admission& from, detail::Task& task, Holding holding)
      : from_(from), task_(&task), holding_(std::move(holding)) {
    holding_.active = 1;
  }
  void Run() noexcept override;
  bool DropIfStale() noexcept override { return false; }
  /// The task goes on later, on other threads. By the thread that is in Run; from then on there is one more who has it.
  void Keep() noexcept {
    is_kept_ = true;
    owners_.fetch_add(1);
  }
  void GiveUp() noexcept;

  Admission& from_;
  detail::Pointer<detail::Task> task_;  ///< Somebody may want to cancel it, to the very end.
  Holding holding_;
  bool is_kept_ = false;  ///< Of the thread that is in Run.

 private:
  std::atomic<int> owners_{1};
};

/// The grant of a task that has no thread; given back when this goes, which is before the session ends.
class Admission::KeptGrant final : public detail::ActorLease {
 public:
  explicit KeptGrant(Grant& grant) : grant_(grant) { grant_.Keep(); }
  ~KeptGrant() override { grant_.GiveUp(); }
  void Schedule(detail::Runnable& work) noexcept override { grant_.from_.pool_.Enqueue(work); }
  void Around(const std::function<void()>& body) noexcept override;
  void Release() noexcept override {}

 private:
  Grant& grant_;
};

/// What an actor has been given.
class Admission::Lease final : public detail::ActorLease, public std::enable_shared_from_this<Lease> {
 public:
  Lease(std::shared_ptr<Admission> from, detail::ActorCore& actor, Holding holding)
      : from_(std::move(from)), actor_(actor), holding_(std::move(holding)) {}
  void Schedule(detail::Runnable& work) noexcept override;
  void Around(const std::function<void()>& body) noexcept override;
  void Release() noexcept override { from_->GiveBack(*this); }

  const std::shared_ptr<Admission> from_;
  detail::ActorCore& actor_;  ///< There until it is released.
  Holding holding_;           ///< Under the mutex.
};

/// Something that an actor runs on a thread of its own.
class Admission::Turn final : public detail::Runnable {
 public:
  Turn(std::shared_ptr<Lease> lease, detail::Runnable& work) : lease_(std::move(lease)), work_(work) {}
  void Run() noexcept override;
  bool DropIfStale() noexcept override { return false; }

 private:
  const std::shared_ptr<Lease> lease_;
  detail::Runnable& work_;
};

}  // namespace triune::compute
