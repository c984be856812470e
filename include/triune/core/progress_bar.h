// How far many tasks are, for people who watch.
#pragma once

#include <cstddef>
#include <cstdio>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "triune/core/session.h"
#include "triune/status.h"
#include "triune/time.h"

namespace triune {

struct ProgressBarOptions {
  std::string title{};
  std::string unit = "tasks";
  /// Not owned. On a terminal one line is written again and again, at most ten times a second; elsewhere there is a
  /// line for each tenth of the way.
  std::FILE* out = stderr;
};

/// Thread-safe.
///
///   ProgressBar bar(pages.size(), {.title = "reading"});
///   TRIUNE_RETURN_IF_ERROR(bar.BlockUntilComplete(session, pages));
class ProgressBar {
 public:
  explicit ProgressBar(size_t total, ProgressBarOptions options = {});
  /// Leaves the last state on a line of its own.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// So many more are done, and so many of these have failed.
  void Update(size_t done = 1, size_t failed = 0);
  /// Waits until all of the references are ready, values or errors, and counts them. The errors are those of Wait.
  template <typename T>
  Status BlockUntilComplete(Session& session, std::vector<ObjectRef<T>> references) {
    while (!references.empty()) {
      TRIUNE_ASSIGN_OR_RETURN(WaitResult result, session.Wait(references, references.size(), kInterval));
      size_t failed = 0;
      for (size_t i : result.ready) failed += references[i].object()->status().ok() ? 0 : 1;
      std::vector<ObjectRef<T>> rest;
      rest.reserve(result.remaining.size());
      for (size_t i : result.remaining) rest.push_back(std::move(references[i]));
      references = std::move(rest);
      Update(result.ready.size(), failed);
    }
    return {};
  }

  size_t done() const;

 private:
  static constexpr Duration kInterval = std::chrono::milliseconds(100);
  std::string Line(TimePoint now) const;
  void Show(TimePoint now);

  const ProgressBarOptions options_;
  const size_t total_;
  const bool is_terminal_;
  const TimePoint begin_;
  mutable std::mutex mutex_;
  size_t done_ = 0;
  size_t failed_ = 0;
  size_t tenths_shown_ = 0;
  TimePoint shown_{};
};

}  // namespace triune
