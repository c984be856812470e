// The same line from many processes, once.
#pragma once

#include <functional>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "compute/logs/log_lines.h"
#include "triune/time.h"

namespace triune::compute {

/// As Ray does it: a line comes out at once when it is new, and when only one process writes it. When a second one
/// writes the same within five seconds it is kept back, and comes at the end of them, with how many there were.
/// Thread-compatible.
class LogDeduplicator {
 public:
  static constexpr Duration kWithin = std::chrono::seconds(5);
  /// A line for people, without its end: "(task pid=1) text".
  using Emit = std::function<void(std::string_view)>;

  void Add(const LogLine& line, TimePoint now, const Emit& emit);
  /// What was kept back for long enough.
  void Flush(TimePoint now, const Emit& emit);
  /// All that was kept back.
  void Finish(const Emit& emit);
  /// When Flush is worth while next; kNever.
  TimePoint next_flush() const;

 private:
  struct Seen {
    std::string text;
    TimePoint since;
    size_t kept_back = 0;
    std::string latest{};  ///< Of those that were kept back, with its prefix.
    std::vector<int> processes{};
  };
  using Order = std::list<Seen>;
  void EndFirst(const Emit& emit, const TimePoint* again_from);

  Order seen_;  ///< Oldest first.
  std::unordered_map<std::string_view, Order::iterator> by_text_;
};

}  // namespace triune::compute
