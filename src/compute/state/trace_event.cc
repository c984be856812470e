#include "compute/state/trace_event.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "base/json_text.h"
#include "compute/state/ids.h"

namespace triune::compute {
namespace {

/// So that there is something for a flow to begin in.
constexpr int64_t kSubmitTakes = 1000;

}  // namespace

TraceText::TraceText(int64_t driver_pid) : driver_pid_(driver_pid) {
  text_.Append('[');
  NameOf("process_name", driver_pid, driver_pid, "driver");
}

void TraceText::Time(std::string_view key, int64_t nanoseconds) {
  // Microseconds, and their parts.
  std::array<char, 40> digits;
  const int length =
      std::snprintf(digits.data(), digits.size(), "%lld.%03lld", static_cast<long long>(nanoseconds / 1000),
                    static_cast<long long>(nanoseconds % 1000));
  text_.Append(",\"");
  text_.Append(key);
  text_.Append("\":");
  text_.Append({digits.data(), static_cast<size_t>(length)});
}

void TraceText::Open(std::string_view phase, std::string_view name, std::string_view category, int64_t pid,
                     int64_t thread, int64_t time) {
  text_.Append(std::exchange(is_first_, false) ? "\n{\"ph\":\"" : ",\n{\"ph\":\"");
  text_.Append(phase);
  text_.Append("\",\"name\":");
  AppendJsonString(text_, name);
  text_.Append(",\"cat\":\"");
  text_.Append(category);
  text_.Append("\",\"pid\":");
  text_.AppendNumber(pid);
  text_.Append(",\"tid\":");
  text_.AppendNumber(thread);
  Time("ts", time);
}

void TraceText::NameOf(std::string_view what, int64_t pid, int64_t thread, std::string_view name) {
  Open("M", what, "__metadata", pid, thread, 0);
  text_.Append(",\"args\":{\"name\":");
  AppendJsonString(text_, name);
  text_.Append('}');
  Close();
}

void TraceText::NameTrack(const TraceEvent& event) {
  if (!tracks_.insert(event.thread).second) return;
  const std::string number = std::to_string(event.thread);
  switch (event.track) {
    case TraceEvent::kWorkerProcess:
      NameOf("process_name", event.pid, event.thread, "worker process " + number);
      NameOf("thread_name", event.pid, event.thread, "tasks");
      break;
    case TraceEvent::kPoolThread:
      NameOf("thread_name", event.pid, event.thread, "worker thread " + number);
      break;
    case TraceEvent::kMainThread:
      NameOf("thread_name", event.pid, event.thread, "main thread");
      break;
    case TraceEvent::kOtherThread:
      NameOf("thread_name", event.pid, event.thread, "thread " + number);
      break;
  }
}

void TraceText::Arguments(const TraceEvent& event) {
  text_.Append(",\"args\":{\"task_id\":\"");
  text_.Append(HexId(event.task));
  text_.Append("\",\"name\":");
  AppendJsonString(text_, *event.name);
  text_.Append(",\"attempt_number\":");
  text_.AppendNumber(event.attempt);
  if (event.error != nullptr) {
    text_.Append(",\"error\":");
    AppendJsonString(text_, *event.error);
  }
  text_.Append('}');
}

void TraceText::Flow(const TraceEvent& event, std::string_view phase, int64_t time) {
  Open(phase, "submit", "flow", event.pid, event.thread, time);
  text_.Append(",\"id\":\"");
  text_.Append(HexId(event.task));
  text_.Append(phase == "f" ? "\",\"bp\":\"e\"" : "\"");
  Close();
}

void TraceText::Write(const TraceEvent& event) {
  NameTrack(event);
  switch (event.kind) {
    case TraceEvent::kSubmit:
      if (event.is_alone) {
        Open("X", "submit " + *event.name, "submit", event.pid, event.thread, event.begin);
        Time("dur", kSubmitTakes);
        Arguments(event);
        Close();
      }
      Flow(event, "s", event.begin);
      break;
    case TraceEvent::kRun: {
      int64_t begin = event.begin;
      if (event.track == TraceEvent::kWorkerProcess && !event.may_overlap) {
        // Several are sent at once, and run one after the other.
        int64_t& last_end = last_ends_[event.pid];
        if (last_end <= event.end) begin = std::max(begin, last_end);
        last_end = std::max(last_end, event.end);
      }
      Open("X", *event.name, "task", event.pid, event.thread, begin);
      Time("dur", event.end - begin);
      Arguments(event);
      Close();
      if (event.attempt == 0) Flow(event, "f", begin);
      break;
    }
    case TraceEvent::kRetry:
    case TraceEvent::kFailure:
      Open("i", (event.kind == TraceEvent::kRetry ? "retry " : "failure ") + *event.name, "task", event.pid,
           event.thread, event.end);
      text_.Append(",\"s\":\"t\"");
      Arguments(event);
      Close();
      break;
  }
}

void TraceText::End(uint64_t dropped) {
  if (dropped > 0) NameOf("dropped_events", driver_pid_, driver_pid_, std::to_string(dropped));
  text_.Append("\n]\n");
}

}  // namespace triune::compute
