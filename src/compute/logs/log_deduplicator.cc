#include "compute/logs/log_deduplicator.h"

#include <algorithm>
#include <utility>

namespace triune::compute {
namespace {

/// Lines that are remembered; the oldest are forgotten first.
constexpr size_t kMostLines = 4096;

std::string WithPrefix(const LogLine& line) {
  std::string text = "(";
  text += line.task;
  if (!line.task.empty()) text += " ";
  text += "pid=" + (line.process == 0 ? std::string("?") : std::to_string(line.process)) + ")";
  if (!line.text.empty()) text += " ";
  return text += line.text;
}

}  // namespace

void LogDeduplicator::Add(const LogLine& line, TimePoint now, const Emit& emit) {
  Flush(now, emit);
  if (line.text.empty()) return emit(WithPrefix(line));
  auto found = by_text_.find(line.text);
  if (found == by_text_.end()) {
    if (seen_.size() == kMostLines) EndFirst(emit, nullptr);
    seen_.push_back({.text = std::string(line.text), .since = now});
    seen_.back().processes.push_back(line.process);
    by_text_.emplace(seen_.back().text, std::prev(seen_.end()));
    return emit(WithPrefix(line));
  }
  Seen& seen = *found->second;
  if (std::find(seen.processes.begin(), seen.processes.end(), line.process) == seen.processes.end()) {
    seen.processes.push_back(line.process);
  }
  if (seen.processes.size() == 1) return emit(WithPrefix(line));
  ++seen.kept_back;
  seen.latest = WithPrefix(line);
}

void LogDeduplicator::EndFirst(const Emit& emit, const TimePoint* again_from) {
  auto first = seen_.begin();
  if (first->kept_back == 1) emit(first->latest);
  if (first->kept_back > 1) {
    emit(first->latest + " [repeated " + std::to_string(first->kept_back) + "x across processes]");
    if (again_from != nullptr) {
      // There may be more of them.
      first->kept_back = 0;
      first->since = *again_from;
      seen_.splice(seen_.end(), seen_, first);
      return;
    }
  }
  by_text_.erase(first->text);
  seen_.erase(first);
}

void LogDeduplicator::Flush(TimePoint now, const Emit& emit) {
  while (!seen_.empty() && seen_.front().since + kWithin <= now) EndFirst(emit, &now);
}

void LogDeduplicator::Finish(const Emit& emit) {
  while (!seen_.empty()) EndFirst(emit, nullptr);
}

TimePoint LogDeduplicator::next_flush() const {
  const auto kept = std::find_if(seen_.begin(), seen_.end(), [](const Seen& seen) { return seen.kept_back > 0; });
  return kept == seen_.end() ? kNever : kept->since + kWithin;
}

}  // namespace triune::compute
