#include "compute/logs/log_sink.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace triune::compute {
namespace {

/// So much a pipe takes without waiting when poll says that it takes something. Whole lines, where that is possible.
size_t NextPiece(std::string_view text) {
  if (text.size() <= PIPE_BUF) return text.size();
  const size_t end = text.rfind('\n', PIPE_BUF - 1);
  return end == std::string_view::npos ? size_t{PIPE_BUF} : end + 1;
}

}  // namespace

// A number that is free now may be something else's later.
LogSink::LogSink(int descriptor) : descriptor_(descriptor), gone_(fcntl(descriptor, F_GETFD) < 0) {}

void LogSink::Add(std::string_view line, TimePoint now) {
  if (gone_) return;
  if (pending_.empty()) progress_ = now;
  if (pending_.size() > kMostPending && is_stuck(now)) {
    ++left_out_;
    return;
  }
  if (left_out_ > 0) pending_ += "(" + std::to_string(left_out_) + " lines of tasks were left out: nobody read them)\n";
  left_out_ = 0;
  pending_ += line;
  pending_ += '\n';
}

void LogSink::Write(TimePoint now) {
  size_t done = 0;
  while (!gone_ && done < pending_.size()) {
    pollfd wanted{descriptor_, POLLOUT, 0};
    const int ready = poll(&wanted, 1, 0);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) break;
    const std::string_view rest = std::string_view(pending_).substr(done);
    const ssize_t written = write(descriptor_, rest.data(), NextPiece(rest));
    if (written > 0) {
      done += static_cast<size_t>(written);
      progress_ = now;
    } else if (written < 0 && errno == EAGAIN) {
      break;
    } else if (written == 0 || errno != EINTR) {
      gone_ = true;
    }
  }
  if (gone_) done = pending_.size();
  pending_.erase(0, done);
}

}  // namespace triune::compute
