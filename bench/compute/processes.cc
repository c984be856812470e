// Tasks in processes, and bytes that they share with this one.
#include <algorithm>
#include <cstring>
#include <vector>

#include "compute/measure.h"
#include "triune/core/remote.h"

namespace triune::bench {
namespace {

using Json = nlohmann::ordered_json;

/// Reads little of it: whoever gets a buffer has not copied it.
uint64_t Ends(const Buffer& bytes) {
  return bytes.empty() ? 0 : static_cast<uint64_t>(bytes.bytes().front()) + static_cast<uint64_t>(bytes.bytes().back());
}
/// Of a fixed value that this process made before: what its result costs others to get.
ObjectRef<Buffer> Made(uint64_t size) {
  return Session::Current()->PutBytes(std::vector<std::byte>(size, std::byte{3}));
}
double SecondsToGet(const std::vector<ObjectRef<Buffer>>& one) {
  Session& session = *Session::Current();
  const Stopwatch watch;
  Result<Buffer> bytes = session.Get(one[0]);
  const double seconds = watch.Seconds();
  return bytes.ok() && Ends(*bytes) == 6 ? seconds : -1;
}

Json TaskRate(const Options& options) {
  Session session({.cpus = options.workers});
  auto process = session.With({.isolation = kProcess});
  uint64_t x = 0;
  return {{"per_s", Rate(options, kBatch, [&] {
             Stopwatch watch;
             for (uint64_t end = x + kBatch; x < end; ++x) Check(Take(session, process.Submit(Answer, x)), x);
             return watch.Seconds();
           })}};
}

Json TasksInFlight(const Options& options) {
  Session session({.cpus = options.workers});
  auto process = session.With({.isolation = kProcess});
  std::vector<ObjectRef<uint64_t>> answers(options.in_flight);
  uint64_t x = 0;
  return {{"per_s", Rate(options, options.in_flight, [&] {
             const uint64_t first = x;
             Stopwatch watch;
             for (auto& answer : answers) answer = process.Submit(Answer, x++);
             for (uint64_t i = 0; i < answers.size(); ++i) Check(Take(session, answers[i]), first + i);
             for (auto& answer : answers) answer = {};
             return watch.Seconds();
           })}};
}

constexpr size_t kLarge = 100'000'000;

/// GB in a second, the pages having been touched before.
template <typename Copy>
Json CopyRate(const Options& options, Copy&& copy) {
  const std::vector<std::byte> bytes(kLarge, std::byte{3});
  return {{"gb_per_s", Rate(options, 1, [&] { return copy(bytes); }) * kLarge / 1e9}};
}

Json CopyFloor(const Options& options) {
  std::vector<std::byte> to(kLarge);
  return CopyRate(options, [&](const std::vector<std::byte>& bytes) {
    const Stopwatch watch;
    std::memcpy(to.data(), bytes.data(), bytes.size());
    const double seconds = watch.Seconds();
    if (to.back() != std::byte{3}) throw WrongAnswer("wrong byte");
    return seconds;
  });
}

Json PutBytesRate(const Options& options) {
  Session session({.cpus = options.workers});
  return CopyRate(options, [&](const std::vector<std::byte>& bytes) {
    const Stopwatch watch;
    auto put = session.PutBytes(bytes);
    const double seconds = watch.Seconds();
    if (Ends(Take(session, put)) != 6) throw WrongAnswer("wrong byte");
    return seconds;
  });
}

/// One process gets what another has made.
template <uint64_t size>
Json GetTime(const Options& options) {
  Session session({.cpus = options.workers});
  auto process = session.With({.isolation = kProcess});
  const std::vector<ObjectRef<Buffer>> made = {Take(session, process.Submit(Made, size))};
  double best = 1;
  for (int i = 0; i < 200; ++i) {
    const double seconds = Take(session, process.Submit(SecondsToGet, made));
    if (seconds < 0) throw WrongAnswer("wrong bytes");
    best = std::min(best, seconds);
  }
  return {{"best_us", best * 1e6}};
}

}  // namespace

std::vector<Measure> ProcessMeasures() {
  return {{"process", nullptr, TaskRate},           {"process-in-flight", nullptr, TasksInFlight},
          {"put-bytes", CopyFloor, PutBytesRate},   {"get-small", nullptr, GetTime<1>},
          {"get-1mb", nullptr, GetTime<1'000'000>}, {"get-100mb", nullptr, GetTime<kLarge>}};
}

}  // namespace triune::bench

TRIUNE_REMOTE(triune::bench::Answer, triune::bench::Made, triune::bench::SecondsToGet);
