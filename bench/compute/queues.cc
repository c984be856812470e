// A million tasks that cannot run yet. Each run needs a process of its own: memory that was used once is kept.
#include <algorithm>
#include <latch>
#include <vector>

#include "compute/arena.h"
#include "compute/measure.h"

namespace triune::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t kParts = 10;

/// What it costs to queue them: submit(i) for each.
template <typename Submit>
Json Fill(uint64_t count, Submit&& submit) {
  const size_t before = ResidentBytes();
  std::vector<double> rates;
  const uint64_t part = count / kParts;
  for (uint64_t i = 0; i < kParts; ++i) {
    Stopwatch watch;
    for (uint64_t x = i * part; x < (i + 1) * part; ++x) submit(x);
    rates.push_back(static_cast<double>(part) / watch.Seconds());
  }
  return {{"bytes_per_task", static_cast<double>(ResidentBytes() - before) / static_cast<double>(part * kParts)},
          {"first_per_s", rates.front()},
          {"last_per_s", rates.back()},
          {"last_to_first", rates.back() / rates.front()},
          {"parts_per_s", rates}};
}

/// Tasks that hold every worker until they are let go. Must outlive them.
class Blockers {
 public:
  explicit Blockers(int count) : began_(count) {}
  void operator()() {
    began_.count_down();
    release_.wait();
  }
  void WaitUntilTheyRun() { began_.wait(); }
  void Release() { release_.count_down(); }

 private:
  std::latch began_;
  std::latch release_{1};
};

void AddDrain(Json& figures, uint64_t count, const Stopwatch& watch) {
  figures["drained_per_s"] = static_cast<double>(count) / watch.Seconds();
}

Json BehindBusyWorkersFloor(const Options& options) {
  Blockers blockers(options.workers);
  return Arena(options.workers + 1).Run([&] {
    oneapi::tbb::task_group group;
    for (int i = 0; i < options.workers; ++i) group.run(std::ref(blockers));
    blockers.WaitUntilTheyRun();
    // The answers must go somewhere, as ours must: counted.
    std::vector<uint64_t> answers;
    answers.reserve(options.queued);
    Json figures = Fill(options.queued, [&](uint64_t x) {
      uint64_t& answer = answers.emplace_back();
      group.run([&answer, x] { answer = Answer(x); });
    });
    Stopwatch watch;
    blockers.Release();
    group.wait();
    for (uint64_t x = 0; x < answers.size(); ++x) Check(answers[x], x);
    AddDrain(figures, answers.size(), watch);
    return figures;
  });
}

template <typename Submit>
Json FillAndDrain(Session& session, const Options& options, Blockers& blockers, Submit&& submit) {
  std::vector<ObjectRef<uint64_t>> references;
  references.reserve(options.queued);
  Json figures = Fill(options.queued, [&](uint64_t x) { references.push_back(submit(x)); });
  if (std::any_of(references.begin(), references.end(), [](const auto& reference) { return reference.ready(); })) {
    throw WrongAnswer("a task ran that should have waited");
  }
  Stopwatch watch;
  blockers.Release();
  for (uint64_t x = 0; x < references.size(); ++x) Check(Take(session, references[x]), x);
  const uint64_t count = references.size();
  references.clear();
  AddDrain(figures, count, watch);
  return figures;
}

Json BehindBusyWorkersThreads(const Options& options) {
  Blockers blockers(options.workers);
  Session session({.cpus = options.workers});
  for (int i = 0; i < options.workers; ++i) session.Submit(std::ref(blockers));
  blockers.WaitUntilTheyRun();
  return FillAndDrain(session, options, blockers, [&](uint64_t x) { return session.Submit(Answer, x); });
}

uint64_t AnswerAfter(uint64_t nought, uint64_t x) { return Answer(nought + x); }

Json BehindAnArgumentThreads(const Options& options) {
  Blockers blockers(1);
  Session session({.cpus = options.workers});
  auto nought = session.Submit([&]() -> uint64_t { return blockers(), 0; });
  blockers.WaitUntilTheyRun();
  return FillAndDrain(session, options, blockers, [&](uint64_t x) { return session.Submit(AnswerAfter, nought, x); });
}

}  // namespace

std::vector<Measure> QueueMeasures() {
  return {{"queued", BehindBusyWorkersFloor, BehindBusyWorkersThreads}, {"waiting", nullptr, BehindAnArgumentThreads}};
}

}  // namespace triune::bench
