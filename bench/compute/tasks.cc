// Rates of tasks that do nothing.
#include <atomic>
#include <functional>
#include <future>
#include <latch>
#include <numeric>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "compute/arena.h"
#include "compute/measure.h"

namespace triune::bench {
namespace {

using Json = nlohmann::ordered_json;

double SingleFloor(const Options& options, uint64_t& x) {
  oneapi::tbb::task_group group;
  return Rate(options, kBatch, [&] {
    Stopwatch watch;
    for (uint64_t end = x + kBatch; x < end; ++x) {
      uint64_t answer = 0;
      group.run([&answer, x] { answer = Answer(x); });
      group.wait();
      Check(answer, x);
    }
    return watch.Seconds();
  });
}
double SingleThreads(Session& session, const Options& options, uint64_t& x) {
  return Rate(options, kBatch, [&] {
    Stopwatch watch;
    for (uint64_t end = x + kBatch; x < end; ++x) Check(Take(session, session.Submit(Answer, x)), x);
    return watch.Seconds();
  });
}

Json FlatSingleFloor(const Options& options) {
  uint64_t x = 0;
  // One thread more: ours has its workers besides the thread that asks.
  return Arena(options.workers + 1).Run([&]() -> Json { return {{"per_s", SingleFloor(options, x)}}; });
}
Json FlatSingleThreads(const Options& options) {
  Session session({.cpus = options.workers});
  uint64_t x = 0;
  return {{"per_s", SingleThreads(session, options, x)}};
}

/// loop(x) on as many threads as there are workers, all at the same time; x counts its tasks. Their rate, and the
/// memory that they leave behind. start(part) calls part(i) for each, in a thread of its own.
template <typename Start, typename Loop>
Json InEveryWorker(const Options& options, Start&& start, Loop&& loop) {
  std::vector<uint64_t> tasks(static_cast<size_t>(options.workers));
  std::vector<double> rates(tasks.size());
  std::latch began(options.workers);
  const auto before = static_cast<double>(ResidentBytes());
  start([&](size_t i) {
    began.arrive_and_wait();
    uint64_t x = 0;
    rates[i] = loop(x);
    tasks[i] = x;
  });
  const double kept = static_cast<double>(ResidentBytes()) - before;
  const auto count = static_cast<double>(std::accumulate(tasks.begin(), tasks.end(), uint64_t{0}));
  return {{"per_s", std::accumulate(rates.begin(), rates.end(), 0.0)}, {"kept_bytes_per_task", kept / count}};
}

/// Each thread in an arena of its own: nothing is shared.
Json NestedSingleFloor(const Options& options) {
  auto start = [&](const auto& part) {
    std::vector<std::future<void>> parts(static_cast<size_t>(options.workers));
    for (size_t i = 0; i < parts.size(); ++i) {
      parts[i] = std::async(std::launch::async, [&, i] { oneapi::tbb::task_arena(1).execute([&] { part(i); }); });
    }
    for (auto& one : parts) one.wait();
    for (auto& one : parts) one.get();
  };
  return InEveryWorker(options, start, [&](uint64_t& x) { return SingleFloor(options, x); });
}
Json NestedSingleThreads(const Options& options) {
  Session session({.cpus = options.workers});
  auto start = [&](const auto& part) {
    std::vector<ObjectRef<bool>> parts(static_cast<size_t>(options.workers));
    for (size_t i = 0; i < parts.size(); ++i) {
      parts[i] = session.Submit([&, i] { return part(i), true; });
    }
    // Not Get, which would run one of them on this thread.
    session.Wait(std::span<const ObjectRef<bool>>(parts), parts.size());
    for (auto& one : parts) Take(session, one);
  };
  return InEveryWorker(options, start, [&](uint64_t& x) { return SingleThreads(session, options, x); });
}

/// Until the worker is done, without running anything itself or sleeping; but where cores are few it may need this one.
template <typename Done>
void WaitFor(Done&& done) {
  constexpr int kPauses = 1000;
  for (int i = 0; !done(); ++i) {
    if (i < kPauses) {
      __builtin_ia32_pause();
    } else {
      std::this_thread::yield();
    }
  }
}

Json HandedOverFloor(const Options& options) {
  Arena arena(options.workers + 1);
  uint64_t x = 0;
  double rate = Rate(options, kBatch, [&] {
    Stopwatch watch;
    for (uint64_t end = x + kBatch; x < end; ++x) {
      uint64_t answer = 0;
      std::atomic<bool> done{false};
      arena.Enqueue([&, argument = x] {
        answer = Answer(argument);
        done.store(true, std::memory_order_release);
      });
      WaitFor([&] { return done.load(std::memory_order_acquire); });
      Check(answer, x);
    }
    return watch.Seconds();
  });
  return {{"per_s", rate}};
}

Json HandedOverThreads(const Options& options) {
  Session session({.cpus = options.workers});
  uint64_t x = 0;
  double rate = Rate(options, kBatch, [&] {
    Stopwatch watch;
    for (uint64_t end = x + kBatch; x < end; ++x) {
      auto reference = session.Submit(Answer, x);
      WaitFor([&] { return reference.ready(); });
      Check(Take(session, reference), x);
    }
    return watch.Seconds();
  });
  return {{"per_s", rate}};
}

/// A chain of kChain calls, each of which needs the last one's value.
constexpr int kChain = 8;
template <typename Step>
double Chain(const Options& options, Step&& run) {
  uint64_t x = 0;
  return Rate(options, kBatch * kChain, [&] {
    Stopwatch watch;
    for (uint64_t end = x + kBatch; x < end; ++x) {
      uint64_t right = x;
      for (int i = 0; i < kChain; ++i) right = Right(right);
      if (run(x) != right) ThrowWrongAnswer(x);
    }
    return watch.Seconds();
  });
}
Json DagFloor(const Options& options) {
  const double rate = Chain(options, [](uint64_t x) {
    for (int i = 0; i < kChain; ++i) x = Answer(x);
    return x;
  });
  return {{"per_s", rate}, {"step_us", 1e6 / rate}};
}
Json DagThreads(const Options& options) {
  Session session({.cpus = options.workers});
  InputNode<uint64_t> input;
  DagNode<uint64_t> chain = input;
  for (int i = 0; i < kChain; ++i) chain = Bind(Answer, chain);
  auto compiled = session.Compile<uint64_t(uint64_t)>(chain);
  if (!compiled.ok()) throw WrongAnswer(compiled.status().ToString());
  const double rate = Chain(options, [&](uint64_t x) {
    auto result = session.Get(compiled->Execute(x));
    if (!result.ok()) throw WrongAnswer(result.status().ToString());
    return *result;
  });
  return {{"per_s", rate}, {"step_us", 1e6 / rate}};
}

/// Many at once, by whoever calls this.
double InFlightFloor(const Options& options) {
  oneapi::tbb::task_group group;
  std::vector<uint64_t> answers(options.in_flight);
  uint64_t x = 0;
  return Rate(options, options.in_flight, [&] {
    const uint64_t first = x;
    Stopwatch watch;
    for (uint64_t& answer : answers) group.run([&answer, argument = x++] { answer = Answer(argument); });
    group.wait();
    for (uint64_t i = 0; i < answers.size(); ++i) Check(answers[i], first + i);
    return watch.Seconds();
  });
}

double InFlightThreads(Session& session, const Options& options) {
  std::vector<ObjectRef<uint64_t>> references(options.in_flight);
  uint64_t x = 0;
  return Rate(options, options.in_flight, [&] {
    const uint64_t first = x;
    Stopwatch watch;
    for (auto& reference : references) reference = session.Submit(Answer, x++);
    for (uint64_t i = 0; i < references.size(); ++i) Check(Take(session, references[i]), first + i);
    // Letting go of them belongs to it: the floor's tasks are gone as well by now.
    for (auto& reference : references) reference = {};
    return watch.Seconds();
  });
}

Json FlatFloor(const Options& options) {
  return Arena(options.workers + 1).Run([&]() -> Json { return {{"per_s", InFlightFloor(options)}}; });
}
Json FlatThreads(const Options& options) {
  Session session({.cpus = options.workers});
  return {{"per_s", InFlightThreads(session, options)}};
}

/// What a function returns that runs as a task, on a worker: a Get right away would run it on this thread.
template <typename Function>
auto RunOnWorker(Session& session, Function&& function) {
  auto reference = session.Submit(std::forward<Function>(function));
  session.Wait(std::span<const decltype(reference)>(&reference, 1), 1);
  return Take(session, reference);
}

Json NestedFloor(const Options& options) {
  return Arena(options.workers).Run([&]() -> Json { return {{"per_s", InFlightFloor(options)}}; });
}
Json NestedThreads(const Options& options) {
  Session session({.cpus = options.workers});
  return {{"per_s", RunOnWorker(session, [&] { return InFlightThreads(session, options); })}};
}

/// Nought, unless the answers are spoiled.
uint64_t Error(int n) { return Answer(static_cast<uint64_t>(n)) - Right(static_cast<uint64_t>(n)); }

uint64_t FibonacciFloor(int n) {
  if (n < 2) return static_cast<uint64_t>(n) + Error(n);
  uint64_t a = 0, b = 0;
  oneapi::tbb::task_group group;
  group.run([&a, n] { a = FibonacciFloor(n - 1); });
  group.run([&b, n] { b = FibonacciFloor(n - 2); });
  group.wait();
  return a + b;
}

uint64_t FibonacciThreads(Session* session, int n) {
  if (n < 2) return static_cast<uint64_t>(n) + Error(n);
  auto a = session->Submit(FibonacciThreads, session, n - 1);
  auto b = session->Submit(FibonacciThreads, session, n - 2);
  // The latest first: whoever asks then runs most of them itself, and thieves get the oldest.
  uint64_t right = Take(*session, b);
  return Take(*session, a) + right;
}

double ForkJoin(const Options& options, const std::function<uint64_t(int)>& fibonacci) {
  uint64_t right = 0, next = 1, tasks = 0, next_tasks = 0;
  for (int i = 0; i < options.fibonacci; ++i) {
    right = std::exchange(next, right + next);
    tasks = std::exchange(next_tasks, tasks + next_tasks + 2);
  }
  return Rate(options, tasks, [&] {
    Stopwatch watch;
    if (fibonacci(options.fibonacci) != right) throw WrongAnswer("wrong Fibonacci number");
    return watch.Seconds();
  });
}

Json ForkJoinFloor(const Options& options) {
  return Arena(options.workers + 1).Run([&]() -> Json { return {{"per_s", ForkJoin(options, FibonacciFloor)}}; });
}
Json ForkJoinThreads(const Options& options) {
  Session session({.cpus = options.workers});
  return {{"per_s", ForkJoin(options, [&](int n) { return FibonacciThreads(&session, n); })}};
}

Json NestedForkJoinFloor(const Options& options) {
  return Arena(options.workers).Run([&]() -> Json { return {{"per_s", ForkJoin(options, FibonacciFloor)}}; });
}
Json NestedForkJoinThreads(const Options& options) {
  Session session({.cpus = options.workers});
  auto fibonacci = [&](int n) { return FibonacciThreads(&session, n); };
  return {{"per_s", RunOnWorker(session, [&] { return ForkJoin(options, fibonacci); })}};
}

}  // namespace

std::vector<Measure> TaskMeasures() {
  return {{"single", FlatSingleFloor, FlatSingleThreads},
          {"nested-single", NestedSingleFloor, NestedSingleThreads},
          {"handed-over", HandedOverFloor, HandedOverThreads},
          {"dag", DagFloor, DagThreads},
          {"in-flight", FlatFloor, FlatThreads},
          {"nested", NestedFloor, NestedThreads},
          {"fork-join", ForkJoinFloor, ForkJoinThreads},
          {"nested-fork-join", NestedForkJoinFloor, NestedForkJoinThreads}};
}

}  // namespace triune::bench
