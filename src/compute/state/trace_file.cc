#include "compute/state/trace_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <system_error>
#include <utility>

namespace triune::compute {
namespace {

constexpr auto kWriteEach = std::chrono::milliseconds(100);
/// Text that is kept before it is written.
constexpr size_t kTextBytes = size_t{256} << 10U;

}  // namespace

Result<std::unique_ptr<TraceFile>> TraceFile::Open(const std::string& path) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) {
    return InvalidArgument("the trace can't be written to " + path + ": " + std::generic_category().message(errno));
  }
  return std::unique_ptr<TraceFile>(new TraceFile(file));
}

TraceFile::TraceFile(int file) : file_(file), text_(getpid()), thread_([this] { Loop(); }) {}

TraceFile::~TraceFile() {
  {
    std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  wake_.notify_all();
  thread_.join();
  WriteAll();
  text_.End(dropped());
  WriteText();
  close(file_);
}

void TraceFile::Add(TraceEvent event) noexcept {
  Part& part = parts_[static_cast<size_t>(event.thread) % parts_.size()];
  size_t count;
  {
    std::lock_guard lock(part.mutex);
    count = part.events.size() + 1;
    if (count <= kMostBuffered) part.events.push_back(std::move(event));
  }
  if (count > kMostBuffered) dropped_.fetch_add(1, std::memory_order_relaxed);
  if (count != kMostBuffered / 2) return;
  {
    std::lock_guard lock(mutex_);
    is_wanted_ = true;
  }
  wake_.notify_all();
}

void TraceFile::Loop() {
  std::unique_lock lock(mutex_);
  while (!is_over_) {
    wake_.wait_for(lock, kWriteEach, [this] { return is_over_ || is_wanted_; });
    is_wanted_ = false;
    lock.unlock();
    WriteAll();
    lock.lock();
  }
}

void TraceFile::WriteAll() {
  for (Part& part : parts_) {
    std::lock_guard lock(part.mutex);
    std::move(part.events.begin(), part.events.end(), std::back_inserter(taken_));
    part.events.clear();
  }
  std::sort(taken_.begin(), taken_.end(), [](const auto& a, const auto& b) { return a.end < b.end; });
  for (const TraceEvent& event : taken_) {
    text_.Write(event);
    if (text_.text().size() >= kTextBytes) WriteText();
  }
  taken_.clear();
  WriteText();
}

void TraceFile::WriteText() {
  const char* at = text_.text().data();
  size_t left = failed_ ? 0 : text_.text().size();
  while (left > 0) {
    const ssize_t written = write(file_, at, left);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      failed_ = true;  // the disk is full: what is there stays as it is
      break;
    }
    at += written;
    left -= static_cast<size_t>(written);
  }
  text_.text().Clear();
}

}  // namespace triune::compute
