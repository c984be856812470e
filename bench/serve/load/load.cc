#include "serve/load/load.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/strings.h"

namespace triune::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Time = SteadyClock::time_point;

constexpr size_t kErrorBytes = 400;
constexpr size_t kReservedLatencies = 1 << 20;
constexpr std::chrono::seconds kLongestWait{60};

SteadyClock::duration Nanoseconds(std::chrono::duration<double> seconds) {
  return std::chrono::duration_cast<SteadyClock::duration>(seconds);
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// One run: the event loop and its counts.
class Run {
 public:
  Run(const std::vector<std::unique_ptr<Connection>>& connections, size_t body_count,
      const std::vector<Expectation>& expectations, const LoadOptions& options)
      : connections_(connections),
        body_count_(body_count),
        expectations_(expectations),
        options_(options),
        calls_(connections.size()),
        epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    result_.latencies.reserve(kReservedLatencies);
  }
  ~Run() { close(epoll_); }

  Result<LoadResult> Execute();

 private:
  struct Call {
    size_t body = 0;
    Time since;
  };

  Status Watch();
  Status SendWhatIsDue(Time now);
  Status SendOn(size_t connection, Time since);
  Status Collect(int timeout_ms);
  void Record(size_t connection, Time now);
  bool open_loop() const { return options_.rate > 0; }
  Time DueTime(uint64_t number) const {
    return start_ + Nanoseconds(std::chrono::duration<double>(static_cast<double>(number) / options_.rate));
  }

  const std::vector<std::unique_ptr<Connection>>& connections_;
  const size_t body_count_;
  const std::vector<Expectation>& expectations_;
  const LoadOptions options_;
  std::vector<Call> calls_;
  std::vector<size_t> idle_;
  int epoll_;
  Time start_;
  Time measure_from_;
  Time end_;
  uint64_t succeeded_ = 0;
  LoadResult result_;
};

Result<LoadResult> Run::Execute() {
  TRIUNE_RETURN_IF_ERROR(Watch());
  start_ = SteadyClock::now();
  measure_from_ = start_ + Nanoseconds(options_.warm_up);
  end_ = measure_from_ + Nanoseconds(options_.measured);
  const double cpu_before = CpuSeconds();
  while (true) {
    const Time now = SteadyClock::now();
    TRIUNE_RETURN_IF_ERROR(SendWhatIsDue(now));
    // An open loop still sends, late, what was due before the end: dropping it would hide the worst latencies.
    const bool all_sent = now >= end_ && (!open_loop() || DueTime(result_.sent) >= end_);
    if (all_sent && idle_.size() == connections_.size()) break;
    if (now > end_ + kLongestWait) return DeadlineExceeded("the server stopped answering");
    // The open loop spins: waking up from a sleep would be part of every latency.
    TRIUNE_RETURN_IF_ERROR(Collect(open_loop() ? 0 : 1000));
  }
  const std::chrono::duration<double> wall = SteadyClock::now() - start_;
  result_.client_cpu = (CpuSeconds() - cpu_before) / wall.count();
  result_.seconds = options_.measured.count();
  std::sort(result_.latencies.begin(), result_.latencies.end());
  return std::move(result_);
}

Status Run::Watch() {
  for (size_t i = 0; i < connections_.size(); ++i) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.u64 = i;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, connections_[i]->fd(), &event) != 0) {
      return Internal(StrCat("epoll_ctl: ", std::strerror(errno)));
    }
    idle_.push_back(i);
  }
  return {};
}

Status Run::SendWhatIsDue(Time now) {
  while (!idle_.empty()) {
    const Time since = open_loop() ? DueTime(result_.sent) : now;
    if (since > now || since >= end_) break;
    const size_t connection = idle_.back();
    idle_.pop_back();
    TRIUNE_RETURN_IF_ERROR(SendOn(connection, since));
  }
  return {};
}

Status Run::SendOn(size_t connection, Time since) {
  calls_[connection] = {.body = result_.sent % body_count_, .since = since};
  ++result_.sent;
  return connections_[connection]->Send(calls_[connection].body);
}

Status Run::Collect(int timeout_ms) {
  std::array<epoll_event, 64> events;
  const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout_ms);
  if (count < 0 && errno != EINTR) return Internal(StrCat("epoll_wait: ", std::strerror(errno)));
  for (int i = 0; i < count; ++i) {
    const size_t connection = events[static_cast<size_t>(i)].data.u64;
    TRIUNE_ASSIGN_OR_RETURN(const bool complete, connections_[connection]->Advance());
    // A connection without a call in flight only has HTTP/2 housekeeping to do.
    if (!complete || std::find(idle_.begin(), idle_.end(), connection) != idle_.end()) continue;
    const Time now = SteadyClock::now();
    Record(connection, now);
    if (!open_loop() && now < end_) {
      TRIUNE_RETURN_IF_ERROR(SendOn(connection, SteadyClock::now()));
    } else {
      idle_.push_back(connection);
    }
  }
  return {};
}

void Run::Record(size_t connection, Time now) {
  const Call& call = calls_[connection];
  const bool measured = open_loop() ? call.since >= measure_from_ : now >= measure_from_ && now < end_;
  if (measured) result_.latencies.push_back((now - call.since).count());
  const Answer answer = connections_[connection]->answer();
  bool right = answer.ok;
  if (!answer.ok) {
    ++result_.failed;
  } else if (!expectations_.empty() && succeeded_++ % options_.check_every == 0) {
    ++result_.checked;
    right = expectations_[call.body].Matches(answer.body);
    if (!right) ++result_.mismatched;
  }
  if (!right && result_.first_error.empty()) {
    result_.first_error = StrCat("body ", call.body, ": ", answer.head, " ", answer.body.substr(0, kErrorBytes));
  }
}

}  // namespace

Result<LoadResult> RunLoad(const std::vector<std::unique_ptr<Connection>>& connections, size_t body_count,
                           const std::vector<Expectation>& expectations, const LoadOptions& options) {
  return Run(connections, body_count, expectations, options).Execute();
}

}  // namespace triune::bench
