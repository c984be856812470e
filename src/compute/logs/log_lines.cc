#include "compute/logs/log_lines.h"

#include <charconv>

namespace triune::compute {
namespace {

/// Nobody else begins anything with this. The number of the process follows, a colon, the task and the end of the line.
constexpr std::string_view kMark = "\x1d\x1dtriune:";
/// So that a mark is written in one piece.
constexpr size_t kLongestName = 512;

}  // namespace

std::string LogLines::Mark(int process, std::string_view task) {
  std::string mark = std::string(kMark) + std::to_string(process) + ":";
  for (const char c : task.substr(0, kLongestName)) mark += c == '\n' ? ' ' : c;
  return mark + "\n";
}

void LogLines::Feed(std::string_view bytes, const Emit& emit) {
  size_t look_from = rest_.size();
  rest_ += bytes;
  const std::string_view all = rest_;
  size_t begin = 0;
  while (true) {
    const size_t end = all.find('\n', look_from);
    if (end == std::string_view::npos) break;
    EmitLine(all.substr(begin, end - begin), emit);
    begin = look_from = end + 1;
  }
  // With as many more as a mark begins with, so that none is cut through.
  while (all.size() - begin >= kLongest + kMark.size()) {
    const std::string_view piece = all.substr(begin, kLongest + kMark.size());
    const size_t mark = piece.find(kMark);
    if (mark == 0) break;  // the rest of it is still to come
    const size_t size = std::min(mark, kLongest);
    EmitText(piece.substr(0, size), emit);
    begin += size;
  }
  rest_.erase(0, begin);
  // What begins like a mark and goes on for so long is none.
  if (rest_.size() > 2 * kLongest) Finish(emit);
}

void LogLines::Finish(const Emit& emit) {
  if (!rest_.empty()) EmitLine(rest_, emit);
  rest_.clear();
}

void LogLines::EmitLine(std::string_view line, const Emit& emit) {
  const size_t mark = line.find(kMark);
  if (mark == std::string_view::npos) return EmitText(line, emit);
  // The line before it had no end.
  if (mark > 0) EmitText(line.substr(0, mark), emit);
  ReadMark(line.substr(mark + kMark.size()));
}

void LogLines::ReadMark(std::string_view mark) {
  int process = 0;
  const char* const end = mark.data() + mark.size();
  const char* const after = std::from_chars(mark.data(), end, process).ptr;
  if (after == end || *after != ':') return;
  process_ = process;
  task_ = mark.substr(static_cast<size_t>(after + 1 - mark.data()));
}

void LogLines::EmitText(std::string_view text, const Emit& emit) const {
  do {
    emit({.task = task_, .process = process_, .text = text.substr(0, kLongest)});
    text.remove_prefix(std::min(kLongest, text.size()));
  } while (!text.empty());
}

}  // namespace triune::compute
