// The file that a trace is written to as it goes.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "compute/state/trace_event.h"
#include "triune/status.h"

namespace triune::compute {

/// Events are kept in bounded buffers, each for some of the threads, until a thread of its own writes them: soon. Those
/// that come faster than that are counted, not kept. Each write ends with a whole event, so that what is there when the
/// program dies can be opened. Thread-safe.
class TraceFile {
 public:
  static constexpr size_t kMostBuffered = 16384;  ///< In one buffer.

  /// An existing file is written over.
  static Result<std::unique_ptr<TraceFile>> Open(const std::string& path);
  /// Writes what is left, and the end.
  ~TraceFile();
  TraceFile(const TraceFile&) = delete;
  TraceFile& operator=(const TraceFile&) = delete;

  void Add(TraceEvent event) noexcept;
  uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

 private:
  explicit TraceFile(int file);
  void Loop();
  void WriteAll();
  void WriteText();

  struct alignas(64) Part {
    std::mutex mutex;
    std::vector<TraceEvent> events;
  };
  const int file_;
  std::atomic<uint64_t> dropped_{0};
  std::array<Part, 16> parts_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool is_wanted_ = false;
  bool is_over_ = false;
  // Of the thread.
  TraceText text_;
  bool failed_ = false;
  std::vector<TraceEvent> taken_;
  std::thread thread_;
};

}  // namespace triune::compute
