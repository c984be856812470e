// What the stress tests of tasks and actors have in common.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "triune/core.h"

namespace triune::compute {

/// Only so that a test that hangs fails: nothing takes as long.
inline constexpr std::chrono::seconds kHangGuard{60};

/// How long each test goes on; TRIUNE_STRESS_SECONDS makes it longer.
inline Duration StressTime() {
  const char* seconds = std::getenv("TRIUNE_STRESS_SECONDS");
  const double wanted = seconds == nullptr ? 0.25 : std::atof(seconds);
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(wanted));
}

/// The same each time, unless TRIUNE_STRESS_SEED says otherwise.
inline uint64_t StressSeed() {
  const char* seed = std::getenv("TRIUNE_STRESS_SEED");
  return seed == nullptr ? 1 : std::strtoull(seed, nullptr, 10);
}

/// Calls round(seed) until the time is over or something failed; at least once.
template <typename Round>
void RepeatFor(Duration time, Round&& round) {
  const auto until = std::chrono::steady_clock::now() + time;
  uint64_t seed = StressSeed();
  do {
    SCOPED_TRACE("TRIUNE_STRESS_SEED=" + std::to_string(seed));
    round(seed++);
  } while (!::testing::Test::HasFailure() && std::chrono::steady_clock::now() < until);
}

class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed * 0x9E3779B97F4A7C15ULL + 1) {}
  /// 0 .. n - 1.
  size_t Pick(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(engine_); }
  bool OneIn(size_t n) { return Pick(n) == 0; }
  uint64_t Seed() { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

/// Keeps the processor busy for about that many steps, giving it away now and then.
inline void Work(size_t steps) {
  for (size_t i = 0; i < steps; ++i) {
    if (i % 64 == 63) std::this_thread::yield();
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
}

/// A number on the heap, so that AddressSanitizer sees who touches it too late. Counts how many there are.
class Value {
 public:
  Value(uint64_t number) : number_(new uint64_t(number)) { live.fetch_add(1); }
  Value(const Value& other) : Value(other.get()) {}
  Value(Value&& other) noexcept : number_(std::exchange(other.number_, nullptr)) { live.fetch_add(1); }
  Value& operator=(Value other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Value() {
    delete number_;
    live.fetch_sub(1);
  }
  uint64_t get() const { return number_ == nullptr ? 0 : *number_; }

  inline static std::atomic<int64_t> live{0};

 private:
  uint64_t* number_;
};

/// Waits for something that comes a moment later, since threads let go of tasks only when they are through with them.
template <typename Condition>
bool Eventually(Condition&& condition) {
  const auto until = std::chrono::steady_clock::now() + kHangGuard;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

/// Whether the error is one of that kind, or was caused by one.
inline bool HasKind(const Status& status, ErrorKind kind) {
  for (const TaskError* error = TaskError::Of(status); error != nullptr; error = TaskError::Of(error->cause)) {
    if (error->kind == kind) return true;
  }
  return false;
}

/// The end of the session itself must come in time, too: a test that can't come back ends the process.
class HangAlarm {
 public:
  explicit HangAlarm(std::string what)
      : thread_([this, what = std::move(what)] {
          const auto until = std::chrono::steady_clock::now() + StressTime() + 2 * kHangGuard;
          while (!over_) {
            if (std::chrono::steady_clock::now() > until) {
              std::fprintf(stderr, "hangs: %s\n", what.c_str());
              std::abort();
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
          }
        }) {}
  ~HangAlarm() {
    over_ = true;
    thread_.join();
  }
  HangAlarm(const HangAlarm&) = delete;
  HangAlarm& operator=(const HangAlarm&) = delete;

 private:
  std::atomic<bool> over_{false};
  std::thread thread_;
};

/// For 1, 2 and 8 processors.
class StressTest : public ::testing::TestWithParam<int> {
 private:
  HangAlarm alarm_{::testing::UnitTest::GetInstance()->current_test_info()->name()};
};

}  // namespace triune::compute
