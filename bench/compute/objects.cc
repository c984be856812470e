// Rates of small values. The floor is a std::shared_ptr: a counted value on the heap.
#include <memory>
#include <thread>
#include <vector>

#include "compute/measure.h"

namespace triune::bench {
namespace {

using Json = nlohmann::ordered_json;

/// Puts of a batch; checked and dropped between them, off the clock.
template <typename Reference, typename Put, typename Get>
Json PutRate(const Options& options, Put&& put, Get&& get) {
  std::vector<Reference> references(kBatch);
  uint64_t x = 0;
  double rate = Rate(options, kBatch, [&] {
    const uint64_t first = x;
    Stopwatch watch;
    for (Reference& reference : references) reference = put(Answer(x++));
    const double seconds = watch.Seconds();
    for (uint64_t i = 0; i < kBatch; ++i) Check(get(references[i]), first + i);
    for (Reference& reference : references) reference = {};
    return seconds;
  });
  return {{"per_s", rate}};
}

template <typename Put, typename Get>
Json PutAndGetRate(const Options& options, Put&& put, Get&& get) {
  uint64_t x = 0;
  double rate = Rate(options, kBatch, [&] {
    Stopwatch watch;
    for (uint64_t end = x + kBatch; x < end; ++x) Check(get(put(Answer(x))), x);
    return watch.Seconds();
  });
  return {{"per_s", rate}};
}

using Shared = std::shared_ptr<const uint64_t>;
Shared MakeShared(uint64_t value) { return std::make_shared<const uint64_t>(value); }
uint64_t Read(const Shared& value) { return *value; }

/// In a process that never had a second thread, libstdc++ counts without atomic instructions.
void HaveHadTwoThreads() {
  std::jthread([] {});
}

Json PutFloor(const Options& options) {
  HaveHadTwoThreads();
  return PutRate<Shared>(options, MakeShared, Read);
}
Json PutThreads(const Options& options) {
  Session session({.cpus = options.workers});
  return PutRate<ObjectRef<uint64_t>>(
      options, [&](uint64_t value) { return session.Put(value); },
      [&](const ObjectRef<uint64_t>& reference) { return Take(session, reference); });
}

Json PutAndGetFloor(const Options& options) {
  HaveHadTwoThreads();
  return PutAndGetRate(options, MakeShared, Read);
}
Json PutAndGetThreads(const Options& options) {
  Session session({.cpus = options.workers});
  return PutAndGetRate(
      options, [&](uint64_t value) { return session.Put(value); },
      [&](const ObjectRef<uint64_t>& reference) { return Take(session, reference); });
}

}  // namespace

std::vector<Measure> ObjectMeasures() {
  return {{"put", PutFloor, PutThreads}, {"put-get", PutAndGetFloor, PutAndGetThreads}};
}

}  // namespace triune::bench
