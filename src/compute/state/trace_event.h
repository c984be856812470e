// What a trace has a picture of.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "base/text_buffer.h"

namespace triune::compute {

/// Something that has happened to a task. Times are nanoseconds of one clock.
struct TraceEvent {
  enum Kind : uint8_t { kSubmit, kRun, kRetry, kFailure };
  enum Track : uint8_t { kOtherThread, kPoolThread, kMainThread, kWorkerProcess };
  Kind kind = kRun;
  Track track = kOtherThread;
  /// kSubmit: on this thread no task was running, of which it would be a part.
  bool is_alone = false;
  /// Whether others may run at the same time on its track.
  bool may_overlap = false;
  int attempt = 0;
  int64_t pid = 0;
  int64_t thread = 0;
  int64_t begin = 0;
  int64_t end = 0;
  uint64_t task = 0;
  std::shared_ptr<const std::string> name{};
  std::shared_ptr<const std::string> error{};
};

/// Writes events in Chrome's trace event format: a JSON array, which Perfetto and chrome://tracing open. Names tracks
/// when they first occur. Thread-compatible.
class TraceText {
 public:
  explicit TraceText(int64_t driver_pid);
  void Write(const TraceEvent& event);
  /// The end of the array; nothing more may be written. `dropped`: events that are not in it.
  void End(uint64_t dropped);
  TextBuffer& text() { return text_; }

 private:
  void NameTrack(const TraceEvent& event);
  void NameOf(std::string_view what, int64_t pid, int64_t thread, std::string_view name);
  /// The fields that all events have, up to a comma that is to be followed by others, or Close.
  void Open(std::string_view phase, std::string_view name, std::string_view category, int64_t pid, int64_t thread,
            int64_t time);
  void Close() { text_.Append('}'); }
  void Time(std::string_view key, int64_t nanoseconds);
  void Arguments(const TraceEvent& event);
  void Flow(const TraceEvent& event, std::string_view phase, int64_t time);

  const int64_t driver_pid_;
  bool is_first_ = true;
  TextBuffer text_;
  std::set<int64_t> tracks_;
  std::map<int64_t, int64_t> last_ends_;  ///< Of processes, by their numbers.
};

}  // namespace triune::compute
