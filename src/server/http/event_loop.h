// One thread's epoll loop.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>

#include "base/clock.h"
#include "server/http/busy_poll.h"
#include "triune/status.h"

namespace triune::server::http {

/// Calls handlers when their descriptors are ready, edge-triggered, and runs tasks posted by other threads. All but
/// Post and Stop belong to the thread that calls Run.
class EventLoop {
 public:
  /// Whoever owns a descriptor.
  class Handler {
   public:
    virtual ~Handler() = default;
    /// `events`: epoll's bits.
    virtual void OnEvents(uint32_t events) = 0;
  };

  /// Something to be run on the loop's thread. Owned by the poster; linked into the loop's list from Post until Run, so
  /// posting allocates nothing.
  class Task {
   public:
    virtual ~Task() = default;
    virtual void RunOnLoop() = 0;

   private:
    friend class EventLoop;
    Task* next_ = nullptr;
  };

  /// `busy_poll`: how long to look for events before sleeping, when that pays off.
  explicit EventLoop(Duration busy_poll) : busy_poll_(busy_poll) {}
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Before anything else.
  Status Open();

  Status Add(int descriptor, uint32_t events, Handler& handler);
  void Remove(int descriptor);

  /// From any thread. The task runs once, soon.
  void Post(Task& task);

  /// Runs until Stop. After every round of events `after_round` is called; it returns how long the next wait for events
  /// may take at most (kNever: until one comes).
  void Run(const std::function<TimePoint(TimePoint now)>& after_round);
  /// From any thread.
  void Stop();

  /// The time at the beginning of this round of events.
  TimePoint now() const { return now_; }
  /// True on the thread that is inside Run of this loop.
  bool IsCurrent() const;

 private:
  /// Returns the number of events, at most until `wake_at`; moves now_.
  int Wait(std::span<epoll_event> events, TimePoint wake_at);
  void RunTasks();
  void Wake();

  int epoll_ = -1;
  int wake_ = -1;
  std::atomic<Task*> tasks_{nullptr};
  std::atomic<bool> stopping_{false};
  TimePoint now_{};
  BusyPoll busy_poll_;
};

}  // namespace triune::server::http
