// Where lines go to in the end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "triune/time.h"

namespace triune::compute {

/// A descriptor of the program's own, which others write to, too, and which may be closed, or full for ever. Takes as
/// many lines as memory is wanted for, and never waits. Whoever uses it blocks SIGPIPE. Thread-compatible.
class LogSink {
 public:
  /// When nothing was taken for so long, lines are left out, and the end does not wait.
  static constexpr Duration kPatience = std::chrono::seconds(5);

  explicit LogSink(int descriptor);

  /// A line without its end.
  void Add(std::string_view line, TimePoint now);
  /// Writes what can be written now.
  void Write(TimePoint now);

  int descriptor() const { return descriptor_; }
  bool wants_to_write() const { return !gone_ && !pending_.empty(); }
  /// Has so much that those who write the lines should wait.
  bool is_full(TimePoint now) const { return !gone_ && pending_.size() > kMostPending && !is_stuck(now); }
  bool is_stuck(TimePoint now) const { return wants_to_write() && now - progress_ >= kPatience; }
  /// When it will be stuck; kNever.
  TimePoint stuck_at() const { return wants_to_write() ? progress_ + kPatience : kNever; }

 private:
  static constexpr size_t kMostPending = size_t{4} << 20U;

  const int descriptor_;
  bool gone_;  ///< Closed, or nobody reads what is written there.
  std::string pending_;
  uint64_t left_out_ = 0;
  TimePoint progress_{};
};

}  // namespace triune::compute
