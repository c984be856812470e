// Calls of actors, on threads and in a process, and many actors. No floor: nothing plainer keeps calls in order.
#include <vector>

#include "compute/measure.h"
#include "triune/core/remote.h"

namespace triune::bench {
namespace {

using Json = nlohmann::ordered_json;

class Answerer {
 public:
  explicit Answerer(uint64_t) {}
  uint64_t Ask(uint64_t x) { return Answer(x); }
};

template <Isolation isolation>
Json CallRate(const Options& options) {
  Session session({.cpus = options.workers});
  auto actor = session.CreateActor<Answerer>(ActorOptions{.isolation = isolation}, uint64_t{0});
  uint64_t x = 0;
  return {{"per_s", Rate(options, kBatch, [&] {
             Stopwatch watch;
             for (uint64_t end = x + kBatch; x < end; ++x) Check(Take(session, actor.Call(&Answerer::Ask, x)), x);
             return watch.Seconds();
           })}};
}

template <Isolation isolation>
Json CallsInFlight(const Options& options) {
  Session session({.cpus = options.workers});
  auto actor = session.CreateActor<Answerer>(ActorOptions{.isolation = isolation}, uint64_t{0});
  std::vector<ObjectRef<uint64_t>> answers(options.in_flight);
  uint64_t x = 0;
  return {{"per_s", Rate(options, options.in_flight, [&] {
             const uint64_t first = x;
             Stopwatch watch;
             for (auto& answer : answers) answer = actor.Call(&Answerer::Ask, x++);
             for (uint64_t i = 0; i < answers.size(); ++i) Check(Take(session, answers[i]), first + i);
             for (auto& answer : answers) answer = {};
             return watch.Seconds();
           })}};
}

Json ManyActors(const Options& options) {
  Session session({.cpus = options.workers});
  Check(Take(session, session.Submit(Answer, uint64_t{0})), 0);
  const size_t before = ResidentBytes();
  Stopwatch watch;
  std::vector<ActorHandle<Answerer>> actors(options.in_flight);
  for (uint64_t i = 0; i < actors.size(); ++i) actors[i] = session.CreateActor<Answerer>(i);
  std::vector<ObjectRef<uint64_t>> answers(actors.size());
  for (uint64_t i = 0; i < actors.size(); ++i) answers[i] = actors[i].Call(&Answerer::Ask, i);
  for (uint64_t i = 0; i < actors.size(); ++i) Check(Take(session, answers[i]), i);
  const double seconds = watch.Seconds();
  answers.clear();
  const auto each = static_cast<double>(ResidentBytes() - before) / static_cast<double>(actors.size());
  return {{"per_s", static_cast<double>(actors.size()) / seconds}, {"bytes_per_actor", each}};
}

}  // namespace

std::vector<Measure> ActorMeasures() {
  return {{"actor", nullptr, CallRate<Isolation::kThread>},
          {"actor-in-flight", nullptr, CallsInFlight<Isolation::kThread>},
          {"actors", nullptr, ManyActors},
          {"process-actor", nullptr, CallRate<Isolation::kProcess>},
          {"process-actor-in-flight", nullptr, CallsInFlight<Isolation::kProcess>}};
}

}  // namespace triune::bench

TRIUNE_REMOTE_ACTOR(triune::bench::Answerer(uint64_t), &triune::bench::Answerer::Ask);
