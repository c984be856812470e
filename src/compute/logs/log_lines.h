// What a process writes, in lines.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace triune::compute {

struct LogLine {
  std::string_view task;  ///< Name of the task that wrote it; empty when none had begun.
  int process;            ///< 0: not known yet.
  std::string_view text;  ///< Without the end of the line.
};

/// Cuts one stream of one process into lines. The stream itself says, between the lines, which task writes now.
/// Thread-compatible.
class LogLines {
 public:
  using Emit = std::function<void(const LogLine&)>;
  /// Longer lines come in pieces of this many bytes.
  static constexpr size_t kLongest = size_t{16} << 10U;

  /// For the stream: what follows is of this task.
  static std::string Mark(int process, std::string_view task);

  void Feed(std::string_view bytes, const Emit& emit);
  /// There is no more: the last line may have no end.
  void Finish(const Emit& emit);

 private:
  void EmitText(std::string_view text, const Emit& emit) const;
  void EmitLine(std::string_view line, const Emit& emit);
  void ReadMark(std::string_view mark);

  std::string rest_;
  int process_ = 0;
  std::string task_;
};

}  // namespace triune::compute
