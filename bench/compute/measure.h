// What the parts of bench_compute share.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "triune/core/session.h"

#ifndef NDEBUG
#error "build it with CMAKE_BUILD_TYPE=Release"
#endif

namespace triune::bench {

struct Options {
  double seconds = 1;
  int workers = 2;              ///< Threads that run tasks, besides the one that asks for them.
  uint64_t in_flight = 100000;  ///< Tasks before the first is asked for.
  uint64_t queued = 1000000;    ///< Tasks behind one that does not end.
  int fibonacci = 25;
};

/// One run of one side: checks every answer, returns its figures by name. Throws WrongAnswer, among others.
using Side = nlohmann::ordered_json (*)(const Options&);

/// One measure; bench/compute/compute.py makes the lines of the table from it. A floor may be missing.
struct Measure {
  std::string_view name;
  Side floor;
  Side threads;  ///< Ours; on threads of this process, unless the name says otherwise.
};
std::vector<Measure> TaskMeasures();
std::vector<Measure> QueueMeasures();
std::vector<Measure> ObjectMeasures();
std::vector<Measure> StartMeasures();
std::vector<Measure> ActorMeasures();
std::vector<Measure> ProcessMeasures();
std::vector<Measure> DagMeasures();

struct WrongAnswer : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The task: next to nothing, but no two arguments have the same result. Not inlined on either side.
uint64_t Answer(uint64_t x);
inline uint64_t Right(uint64_t x) { return x * 0x9E3779B97F4A7C15U + 1; }
/// Answer is wrong for this argument, which every measure uses: for trying out the checks.
constexpr uint64_t kSpoiledArgument = 1;
void SpoilOneAnswer();

[[noreturn]] void ThrowWrongAnswer(uint64_t argument);
inline void Check(uint64_t answer, uint64_t argument) {
  if (answer != Right(argument)) [[unlikely]]
    ThrowWrongAnswer(argument);
}

/// The value, which there must be.
template <typename T>
T Take(Session& session, const ObjectRef<T>& reference) {
  Result<T> result = session.Get(reference);
  if (!result.ok()) [[unlikely]]
    throw WrongAnswer(result.status().ToString());
  return *std::move(result);
}

class Stopwatch {
 public:
  double Seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

/// How many things there are in a second. round() does `things` of them, and returns the seconds that it took without
/// what does not belong to them. The first fifth is not counted.
template <typename Round>
double Rate(const Options& options, uint64_t things, Round&& round) {
  double rate = 0;
  for (double seconds : {options.seconds / 5, options.seconds}) {
    Stopwatch all;
    double measured = 0;
    uint64_t rounds = 0;
    do {
      measured += round();
      ++rounds;
    } while (all.Seconds() < seconds);
    rate = static_cast<double>(rounds * things) / measured;
  }
  return rate;
}

/// Things that are done between two looks at the clock.
constexpr uint64_t kBatch = 1000;

/// Resident memory of this process.
size_t ResidentBytes();

}  // namespace triune::bench
