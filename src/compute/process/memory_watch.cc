#include "compute/process/memory_watch.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

namespace triune::compute {
namespace {

constexpr Duration kEvery = std::chrono::milliseconds(50);

std::string Mebibytes(uint64_t bytes) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f MiB", static_cast<double>(bytes) / (1U << 20U));
  return text.data();
}

}  // namespace

uint64_t OwnMemoryOf(pid_t process) {
  const int file = open(("/proc/" + std::to_string(process) + "/statm").c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  std::array<char, 128> text{};
  const ssize_t size = read(file, text.data(), text.size() - 1);
  close(file);
  unsigned long long resident = 0;
  unsigned long long shared = 0;  // with files and with other processes
  if (size <= 0 || std::sscanf(text.data(), "%*u %llu %llu", &resident, &shared) != 2 || shared > resident) return 0;
  return (resident - shared) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

MemoryWatch::MemoryWatch(uint64_t limit, std::function<void(WorkerProcess&)> kill)
    : limit_(limit), kill_(std::move(kill)) {}

MemoryWatch::~MemoryWatch() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void MemoryWatch::Add(std::shared_ptr<WorkerProcess> worker) {
  if (limit_ == 0) return;
  std::lock_guard lock(mutex_);
  workers_.push_back(std::move(worker));
  if (!thread_.joinable()) thread_ = std::thread([this] { Loop(); });
  if (workers_.size() == 1) changed_.notify_all();
}

void MemoryWatch::Remove(const WorkerProcess& worker) {
  if (limit_ == 0) return;
  std::lock_guard lock(mutex_);
  std::erase_if(workers_, [&](const auto& other) { return other.get() == &worker; });
}

void MemoryWatch::Loop() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    changed_.wait(lock, [this] { return stopping_ || !workers_.empty(); });
    Look();
    changed_.wait_for(lock, kEvery, [this] { return stopping_; });
  }
}

void MemoryWatch::Look() {
  std::erase_if(workers_, [](const auto& worker) { return worker->dead(); });
  for (const auto& worker : workers_) {
    const pid_t pid = worker->pid();
    if (pid == 0) continue;
    const uint64_t bytes = OwnMemoryOf(pid);
    if (bytes <= limit_) continue;
    worker->SetReason(ErrorKind::kOutOfMemory, "was ended, since it had " + Mebibytes(bytes) +
                                                   " of memory, more than worker_memory: " + Mebibytes(limit_));
    kill_(*worker);
  }
}

}  // namespace triune::compute
