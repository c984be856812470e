#include "triune/core/progress_bar.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

namespace triune {
namespace {

constexpr size_t kWidth = 24;

/// "4 s", "3:05", "2:00:09".
std::string DurationText(double seconds) {
  const auto whole = static_cast<int64_t>(std::min(seconds, 359999.0));
  std::array<char, 32> text{};
  if (whole < 60) {
    std::snprintf(text.data(), text.size(), "%d s", static_cast<int>(whole));
  } else if (whole < 3600) {
    std::snprintf(text.data(), text.size(), "%d:%02d", static_cast<int>(whole / 60), static_cast<int>(whole % 60));
  } else {
    std::snprintf(text.data(), text.size(), "%d:%02d:%02d", static_cast<int>(whole / 3600),
                  static_cast<int>(whole / 60 % 60), static_cast<int>(whole % 60));
  }
  return text.data();
}

}  // namespace

ProgressBar::ProgressBar(size_t total, ProgressBarOptions options)
    : options_(std::move(options)),
      total_(total),
      is_terminal_(isatty(fileno(options_.out)) == 1),
      begin_(std::chrono::steady_clock::now()) {}

ProgressBar::~ProgressBar() {
  if (!is_terminal_) return;
  Show(std::chrono::steady_clock::now());
  std::fputc('\n', options_.out);
  std::fflush(options_.out);
}

void ProgressBar::Update(size_t done, size_t failed) {
  const TimePoint now = std::chrono::steady_clock::now();
  std::lock_guard lock(mutex_);
  done_ += done;
  failed_ += failed;
  const size_t tenths = total_ == 0 ? 10 : std::min<size_t>(done_ * 10 / total_, 10);
  if (is_terminal_ ? now - shown_ < kInterval : tenths == tenths_shown_) return;
  shown_ = now;
  tenths_shown_ = tenths;
  Show(now);
}

size_t ProgressBar::done() const {
  std::lock_guard lock(mutex_);
  return done_;
}

void ProgressBar::Show(TimePoint now) {
  const std::string line = Line(now);
  std::fprintf(options_.out, is_terminal_ ? "\r%s\x1b[K" : "%s\n", line.c_str());
  std::fflush(options_.out);
}

std::string ProgressBar::Line(TimePoint now) const {
  const double part = total_ == 0 ? 1 : std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_));
  const double seconds = std::chrono::duration<double>(now - begin_).count();
  const double rate = seconds > 0 ? static_cast<double>(done_) / seconds : 0;
  const auto filled = static_cast<size_t>(part * kWidth);
  std::array<char, 192> text{};
  std::snprintf(text.data(), text.size(), "%3d%% [%s%s] %zu/%zu %s, %.*f/s, ", static_cast<int>(part * 100),
                std::string(filled, '#').c_str(), std::string(kWidth - filled, '-').c_str(), done_, total_,
                options_.unit.substr(0, 32).c_str(), rate < 100 ? 1 : 0, rate);
  std::string line = options_.title.empty() ? text.data() : options_.title + ": " + text.data();
  if (done_ >= total_) {
    line += "done in " + DurationText(seconds);
  } else {
    line += rate > 0 ? DurationText(static_cast<double>(total_ - done_) / rate) + " left" : "waiting";
  }
  if (failed_ > 0) line += ", " + std::to_string(failed_) + " failed";
  return line;
}

}  // namespace triune
