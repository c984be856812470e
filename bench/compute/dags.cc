// Compiled DAGs: chains of actors in processes.
#include <algorithm>
#include <utility>
#include <vector>

#include "compute/measure.h"
#include "triune/core/remote.h"

namespace triune::bench {
namespace {

using Json = nlohmann::ordered_json;

class Link {
 public:
  Link() = default;
  uint64_t Next(uint64_t x) { return Answer(x); }
};

/// Microseconds of an execution of a chain of so many actors, one after the other, and of each step: to each actor, and
/// back to the driver.
template <size_t length>
Json Chain(const Options& options) {
  Session session({.cpus = options.workers});
  InputNode<uint64_t> input;
  DagNode<uint64_t> node = input;
  for (size_t i = 0; i < length; ++i) {
    auto link = session.CreateActor<Link>({.isolation = kProcess});
    node = link.Bind(&Link::Next, node);
  }
  auto compiled = session.Compile<uint64_t(uint64_t)>(node);
  if (!compiled.ok()) throw WrongAnswer(compiled.status().ToString());
  uint64_t x = 0;
  double best = 1;  // of the rounds, where others want the processors, too
  auto run = [&] {
    const Stopwatch watch;
    for (uint64_t end = x + kBatch; x < end; ++x) {
      auto result = session.Get(compiled->Execute(x));
      if (!result.ok()) throw WrongAnswer(result.status().ToString());
      uint64_t before = x;
      for (size_t i = 1; i < length; ++i) before = Right(before);
      Check(*result, before);
    }
    const double seconds = watch.Seconds();
    best = std::min(best, seconds / kBatch);
    return seconds;
  };
  const double per_s = Rate(options, kBatch, run);
  return {{"per_s", per_s}, {"step_us", 1e6 / per_s / (length + 1)}, {"best_step_us", 1e6 * best / (length + 1)}};
}

}  // namespace

std::vector<Measure> DagMeasures() {
  return {
      {"dag-process-1", nullptr, Chain<1>}, {"dag-process-2", nullptr, Chain<2>}, {"dag-process-4", nullptr, Chain<4>}};
}

}  // namespace triune::bench

TRIUNE_REMOTE_ACTOR(triune::bench::Link(), &triune::bench::Link::Next);
