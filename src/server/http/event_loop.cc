#include "server/http/event_loop.h"

#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/strings.h"

namespace triune::server::http {
namespace {

thread_local const EventLoop* current_loop = nullptr;

int MillisecondsUntil(TimePoint now, TimePoint until) {
  if (until == kNever) return -1;
  if (until <= now) return 0;
  // Rounded up: waking too early would only mean waking twice.
  auto wait = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
  return static_cast<int>(std::min<int64_t>(wait, 60'000));
}

}  // namespace

EventLoop::~EventLoop() {
  if (wake_ >= 0) close(wake_);
  if (epoll_ >= 0) close(epoll_);
}

Status EventLoop::Open() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (epoll_ < 0 || wake_ < 0) return Internal(StrCat("cannot create an event loop: ", std::strerror(errno)));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;  // no handler: it is only there to end the wait
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0)
    return Internal(StrCat("epoll_ctl: ", std::strerror(errno)));
  return {};
}

Status EventLoop::Add(int descriptor, uint32_t events, Handler& handler) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &handler;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) {
    return Internal(StrCat("epoll_ctl: ", std::strerror(errno)));
  }
  return {};
}

void EventLoop::Remove(int descriptor) { epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr); }

void EventLoop::Post(Task& task) {
  Task* head = tasks_.load(std::memory_order_relaxed);
  do {
    task.next_ = head;
  } while (!tasks_.compare_exchange_weak(head, &task, std::memory_order_release, std::memory_order_relaxed));
  // A list that was not empty has a wake-up on its way.
  if (head == nullptr) Wake();
}

void EventLoop::Stop() {
  stopping_.store(true, std::memory_order_release);
  Wake();
}

void EventLoop::Wake() {
  uint64_t one = 1;
  [[maybe_unused]] ssize_t written = write(wake_, &one, sizeof(one));  // fails only when it is pending already
}

bool EventLoop::IsCurrent() const { return current_loop == this; }

void EventLoop::RunTasks() {
  Task* list = tasks_.exchange(nullptr, std::memory_order_acquire);
  Task* in_order = nullptr;
  while (list != nullptr) {
    Task* next = list->next_;
    list->next_ = in_order;
    in_order = list;
    list = next;
  }
  while (in_order != nullptr) {
    Task* next = in_order->next_;  // read before the task runs: it may be posted again, or be gone, afterwards
    in_order->RunOnLoop();
    in_order = next;
  }
}

int EventLoop::Wait(std::span<epoll_event> events, TimePoint wake_at) {
  auto poll = [&](int milliseconds) {
    int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), milliseconds);
    now_ = std::chrono::steady_clock::now();
    return count;
  };
  if (busy_poll_.window().count() == 0) return poll(MillisecondsUntil(now_, wake_at));
  const TimePoint start = std::chrono::steady_clock::now();
  int count = 0;
  if (busy_poll_.PaysOff()) {
    const TimePoint until = std::min(start + busy_poll_.window(), wake_at);
    while ((count = poll(0)) == 0 && now_ < until) sched_yield();
  }
  if (count == 0) count = poll(MillisecondsUntil(now_, wake_at));
  busy_poll_.Record(now_ - start);
  return count;
}

void EventLoop::Run(const std::function<TimePoint(TimePoint)>& after_round) {
  current_loop = this;
  std::array<epoll_event, 256> events;
  now_ = std::chrono::steady_clock::now();
  TimePoint wake_at = after_round(now_);
  while (!stopping_.load(std::memory_order_acquire)) {
    int count = Wait(events, wake_at);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      if (event.data.ptr != nullptr) {
        static_cast<Handler*>(event.data.ptr)->OnEvents(event.events);
      } else {
        uint64_t drained;
        [[maybe_unused]] ssize_t got = read(wake_, &drained, sizeof(drained));
      }
    }
    RunTasks();
    wake_at = after_round(now_);
  }
  RunTasks();
  current_loop = nullptr;
}

}  // namespace triune::server::http
