// A whole program of one task, for bench_compute: starts, submits, gets, and says when. With --idle it then waits until
// nothing moves any more, and says how much memory it has.
//   bench_compute_start floor|threads|processes WORKERS [--idle]
// Prints: nanoseconds of the monotonic clock when main began and when the answer was there; resident KiB, or 0.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <thread>

#include "triune/core/remote.h"
#include "triune/core/session.h"

namespace {

int64_t Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// Not by streams: they would be memory that the session did not need.
long ResidentKib() {
  long kib = 0;
  char line[256];
  if (FILE* file = std::fopen("/proc/self/status", "re")) {
    while (std::fgets(line, sizeof(line), file) != nullptr) {
      if (std::strncmp(line, "VmRSS:", 6) == 0) kib = std::strtol(line + 6, nullptr, 10);
    }
    std::fclose(file);
  }
  return kib;
}

int Twice(int x) { return 2 * x; }

/// Workers have given up looking for work long before that.
constexpr std::chrono::milliseconds kUntilIdle{100};

int Report(int64_t began, int answer, bool idle) {
  const int64_t done = Now();
  if (answer != 42) return 1;
  if (idle) std::this_thread::sleep_for(kUntilIdle);
  std::printf("%" PRId64 " %" PRId64 " %ld\n", began, done, idle ? ResidentKib() : 0);
  return 0;
}

}  // namespace

TRIUNE_REMOTE(Twice);

int main(int argc, char** argv) {
  const int64_t began = Now();
  if (argc < 3) return 2;
  const bool idle = argc > 3;
  if (std::strcmp(argv[1], "floor") == 0) {
    // Nothing runs on another thread for less.
    int answer = 0;
    std::thread([&answer] { answer = Twice(21); }).join();
    return Report(began, answer, idle);
  }
  triune::Session session({.cpus = std::atoi(argv[2])});
  const bool in_process = std::strcmp(argv[1], "processes") == 0;
  auto answer = session.Get(in_process ? session.With({.isolation = triune::kProcess}).Submit(Twice, 21)
                                       : session.Submit(Twice, 21));
  return Report(began, answer.ok() ? *answer : 0, idle);
}
