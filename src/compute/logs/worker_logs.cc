#include "compute/logs/worker_logs.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

namespace triune::compute {
namespace {

constexpr size_t kReadAtOnce = size_t{64} << 10U;
/// Standard input, output and error are not for this.
constexpr int kLowest = 3;

TimePoint Now() { return std::chrono::steady_clock::now(); }

Status SystemError(const char* what) {
  return Internal(std::string("could not start a process for tasks: ") + what + ": " + std::strerror(errno));
}

int MoveUp(int descriptor) {
  if (descriptor >= kLowest || descriptor < 0) return descriptor;
  const int higher = fcntl(descriptor, F_DUPFD_CLOEXEC, kLowest);
  close(descriptor);
  return higher;
}

}  // namespace

WorkerLogs::WorkerLogs(bool to_driver, int output, int error)
    : to_driver_(to_driver), sinks_{LogSink(output), LogSink(error)} {}

void WorkerLogs::Close() {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(stopping_, true)) return;
  }
  if (!thread_.joinable()) return;
  eventfd_write(wake_, 1);
  thread_.join();
  for (const auto& stream : streams_) close(stream.descriptor);
  streams_.clear();
  close(wake_);
}

void WorkerLogs::CloseEnds(const Ends& ends) {
  if (ends.output >= 0) close(ends.output);
  if (ends.error >= 0) close(ends.error);
}

Result<WorkerLogs::Ends> WorkerLogs::Open() {
  if (!to_driver_) {
    Ends nowhere{.output = MoveUp(open("/dev/null", O_WRONLY | O_CLOEXEC)),
                 .error = MoveUp(open("/dev/null", O_WRONLY | O_CLOEXEC))};
    if (nowhere.output >= 0 && nowhere.error >= 0) return nowhere;
    Status status = SystemError("/dev/null");
    CloseEnds(nowhere);
    return status;
  }
  std::lock_guard lock(mutex_);
  if (stopping_) return FailedPrecondition("the session has ended");
  if (wake_ < 0) wake_ = MoveUp(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (wake_ < 0) return SystemError("eventfd");
  if (!thread_.joinable()) thread_ = std::thread([this] { Loop(); });
  TRIUNE_ASSIGN_OR_RETURN(const int output, OpenStream(0));
  Result<int> error = OpenStream(1);
  if (!error.ok()) {
    close(output);
    return std::move(error).status();
  }
  eventfd_write(wake_, 1);
  return Ends{.output = output, .error = *error};
}

Result<int> WorkerLogs::OpenStream(size_t sink) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return SystemError("pipe");
  for (int& end : ends) end = MoveUp(end);
  if (ends[0] < 0 || ends[1] < 0) {
    Status status = SystemError("pipe");
    CloseEnds({.output = ends[0], .error = ends[1]});
    return status;
  }
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  new_streams_.push_back({.descriptor = ends[0], .sink = sink});
  return ends[1];
}

void WorkerLogs::Loop() {
  prctl(PR_SET_NAME, "triune-logs");
  // Writing to what nobody reads is an error here, and not the end of the program; other signals are for others.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  bool stopping = false;
  while (!stopping) {
    {
      std::lock_guard lock(mutex_);
      stopping = stopping_;
      for (Stream& stream : std::exchange(new_streams_, {})) streams_.push_back(std::move(stream));
    }
    if (stopping) break;
    ReadAll();
    for (size_t i = 0; i < sinks_.size(); ++i) {
      deduplicators_[i].Flush(Now(), [&](std::string_view line) { sinks_[i].Add(line, Now()); });
      sinks_[i].Write(Now());
    }
    Wait(false);
  }
  // Nobody writes any more, but some may hold the ends of pipes still.
  auto write_all = [this] {
    for (LogSink& sink : sinks_) sink.Write(Now());
  };
  auto wait_until = [&](auto ready) {
    while (!ready()) {
      Wait(true);
      write_all();
    }
  };
  do {
    write_all();
    wait_until([this] { return std::none_of(sinks_.begin(), sinks_.end(), [](auto& s) { return s.is_full(Now()); }); });
  } while (ReadAll());
  for (size_t i = 0; i < sinks_.size(); ++i) {
    for (Stream& stream : streams_) {
      if (stream.sink == i) stream.lines.Finish([&](const LogLine& line) { Add(i, line); });
    }
    deduplicators_[i].Finish([&](std::string_view line) { sinks_[i].Add(line, Now()); });
  }
  write_all();
  wait_until([this] {
    return std::all_of(sinks_.begin(), sinks_.end(), [](auto& s) { return !s.wants_to_write() || s.is_stuck(Now()); });
  });
}

/// For something to read or to write.
void WorkerLogs::Wait(bool stopping) {
  const TimePoint now = Now();
  std::vector<pollfd> wanted;
  if (!stopping) {
    wanted.push_back({wake_, POLLIN, 0});
    for (const Stream& stream : streams_) {
      if (!sinks_[stream.sink].is_full(now)) wanted.push_back({stream.descriptor, POLLIN, 0});
    }
  }
  TimePoint until = kNever;
  for (size_t i = 0; i < sinks_.size(); ++i) {
    if (sinks_[i].wants_to_write()) wanted.push_back({sinks_[i].descriptor(), POLLOUT, 0});
    // Once stuck it is for its descriptor alone to say that it goes on.
    if (sinks_[i].stuck_at() > now) until = std::min(until, sinks_[i].stuck_at());
    if (!stopping) until = std::min(until, deduplicators_[i].next_flush());
  }
  int milliseconds = -1;
  if (until != kNever) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
    milliseconds = static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
  }
  if (poll(wanted.data(), wanted.size(), milliseconds) > 0 && !stopping && wanted[0].revents != 0) {
    eventfd_t count;
    eventfd_read(wake_, &count);
  }
}

bool WorkerLogs::ReadAll() {
  bool any = false;
  for (auto stream = streams_.begin(); stream != streams_.end();) {
    if (!sinks_[stream->sink].is_full(Now())) any = Read(*stream) || any;
    stream = stream->descriptor < 0 ? streams_.erase(stream) : std::next(stream);
  }
  return any;
}

bool WorkerLogs::Read(Stream& stream) {
  std::array<char, kReadAtOnce> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  const ssize_t size = read(stream.descriptor, bytes.data(), bytes.size());
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  auto emit = [&](const LogLine& line) { Add(stream.sink, line); };
  if (size > 0) {
    stream.lines.Feed({bytes.data(), static_cast<size_t>(size)}, emit);
    return true;
  }
  stream.lines.Finish(emit);
  close(std::exchange(stream.descriptor, -1));
  return false;
}

void WorkerLogs::Add(size_t sink, const LogLine& line) {
  const TimePoint now = Now();
  deduplicators_[sink].Add(line, now, [&](std::string_view text) { sinks_[sink].Add(text, now); });
}

}  // namespace triune::compute
