// What processes for tasks write on their standard output and standard error, and how it gets to the program's.
#pragma once

#include <array>
#include <list>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "compute/logs/log_deduplicator.h"
#include "compute/logs/log_lines.h"
#include "compute/logs/log_sink.h"
#include "triune/status.h"

namespace triune::compute {

/// One thread reads all pipes and writes the lines. Thread-safe.
class WorkerLogs {
 public:
  /// For a process; whoever has them closes them when the process has its own.
  struct Ends {
    int output = -1;
    int error = -1;
  };

  /// `to_driver`: otherwise nothing is written, and processes have no pipes.
  explicit WorkerLogs(bool to_driver, int output = 1, int error = 2);
  ~WorkerLogs() { Close(); }
  WorkerLogs(const WorkerLogs&) = delete;
  WorkerLogs& operator=(const WorkerLogs&) = delete;

  Result<Ends> Open();
  static void CloseEnds(const Ends& ends);
  /// Nothing is opened any more, and nobody writes. What was written is written here, too, unless nobody takes it.
  void Close();

 private:
  struct Stream {
    int descriptor;
    size_t sink;
    LogLines lines{};
  };
  Result<int> OpenStream(size_t sink);
  void Loop();
  void Wait(bool stopping);
  /// False when there was nothing.
  bool ReadAll();
  /// False when there was nothing now; sets the descriptor to -1 at its end.
  bool Read(Stream& stream);
  void Add(size_t sink, const LogLine& line);

  const bool to_driver_;
  std::mutex mutex_;
  bool stopping_ = false;
  std::vector<Stream> new_streams_;
  int wake_ = -1;  ///< An eventfd.
  // Of the thread.
  std::list<Stream> streams_;
  std::array<LogSink, 2> sinks_;
  std::array<LogDeduplicator, 2> deduplicators_;
  std::thread thread_;
};

}  // namespace triune::compute
