// Generators with random limits, consumers, failures and cancellations against what must come out.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "compute/testing/stress.h"
#include "triune/core.h"
#include "triune/core/remote.h"

namespace triune::stress_generators {

using compute::Dice;
using compute::Value;

Generator<uint64_t> Numbers(uint64_t count, uint64_t seed) {
  Dice dice(seed);
  for (uint64_t i = 0; i < count; ++i) {
    if (dice.OneIn(16)) compute::Work(dice.Pick(500));
    co_yield i;
  }
}
Generator<uint64_t> Fails(uint64_t count, uint64_t seed) {
  Dice dice(seed);
  const uint64_t last = dice.Pick(count) + static_cast<uint64_t>(RuntimeContext::attempt()) * (count / 2 + 1);
  for (uint64_t i = 0; i < count; ++i) {
    if (i == last) throw std::runtime_error("no luck");
    co_yield i;
  }
}

class Source {
 public:
  Generator<uint64_t> Give(uint64_t count, uint64_t seed) {
    Dice dice(seed);
    for (uint64_t i = 0; i < count; ++i) {
      if (dice.OneIn(16)) compute::Work(dice.Pick(500));
      co_yield i;
    }
  }
};

}  // namespace triune::stress_generators

TRIUNE_REMOTE(triune::stress_generators::Numbers, triune::stress_generators::Fails);
TRIUNE_REMOTE_ACTOR(triune::stress_generators::Source(), &triune::stress_generators::Source::Give);

namespace triune::stress_generators {
namespace {

class StressGenerators : public compute::StressTest {};

/// Takes all, in order; then the error, if any.
Status TakeInOrder(const ObjectRefGenerator<uint64_t>& numbers, Session& session, uint64_t* count) {
  for (uint64_t i = 0;; ++i) {
    *count = i;
    Result<std::optional<ObjectRef<uint64_t>>> next = numbers.Next();
    if (!next.ok()) return next.status();
    if (!next->has_value()) return {};
    const Result<uint64_t> value = session.Get(**next);
    if (!value.ok() || *value != i) return Internal("another value at " + std::to_string(i));
  }
}

/// One generator and its consumer. `isolation`: of both kinds of tasks.
void RunOne(Session& session, const ActorHandle<Source>& source, Isolation isolation, Dice& dice) {
  const uint64_t count = dice.Pick(200);
  TaskOptions options;
  options.isolation = isolation;
  options.generator_backpressure = static_cast<int>(dice.OneIn(3) ? 1 : 1 + dice.Pick(40));
  if (dice.OneIn(6)) options.cpus = 0.5;
  const uint64_t seed = dice.Seed();
  const size_t kind = dice.Pick(8);
  if (kind == 0) options.retries = 3;
  if (kind == 1) options.timeout = std::chrono::microseconds(dice.Pick(3000));
  auto numbers = kind <= 1 ? session.With(options).Submit(Fails, count + 1, seed)
                           : (kind == 2 ? source.With(options).Call(&Source::Give, count, seed)
                                        : session.With(options).Submit(Numbers, count, seed));
  uint64_t taken = 0;
  switch (kind) {
    case 3: {  // given up in the middle
      const uint64_t most = dice.Pick(20);
      for (uint64_t i = 0; i < most && numbers.Next().ok(); ++i) {
      }
      return;
    }
    case 4: {  // cancelled at the same time
      std::jthread other([&] { session.Cancel(numbers, {.force = seed % 2 == 0}); });
      const Status status = TakeInOrder(numbers, session, &taken);
      EXPECT_TRUE(status.ok() || compute::HasKind(status, ErrorKind::kTaskCancelled)) << Describe(status);
      return;
    }
    case 5: {  // two consumers
      std::atomic<uint64_t> sum{0};
      auto take = [&] {
        for (ObjectRef<uint64_t> number : numbers) sum += session.Get(number).value() + 1;
      };
      {
        std::jthread other(take);
        take();
      }
      EXPECT_EQ(sum.load(), count * (count + 1) / 2);
      return;
    }
    case 6: {  // a task takes
      auto consumer = session.Submit([numbers = std::move(numbers)] {
        uint64_t here = 0;
        const Status status = TakeInOrder(numbers, *Session::Current(), &here);
        return status.ok() ? Result<uint64_t>(here) : Result<uint64_t>(status);
      });
      EXPECT_EQ(session.Get(consumer).value(), count);
      return;
    }
    default: {
      const Status status = TakeInOrder(numbers, session, &taken);
      if (kind >= 2) {
        EXPECT_TRUE(status.ok()) << Describe(status);
        EXPECT_EQ(taken, count);
      } else if (kind == 0) {
        EXPECT_TRUE(status.ok()) << Describe(status);
        EXPECT_EQ(taken, count + 1);
      } else {
        EXPECT_FALSE(status.ok());
      }
    }
  }
}

void RunRound(int cpus, Isolation isolation, uint64_t seed, size_t each) {
  Session session({.cpus = cpus, .log_to_driver = false});
  auto source = session.CreateActor<Source>({.max_concurrency = 2, .isolation = isolation});
  std::vector<std::jthread> threads;
  for (uint64_t i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      Dice dice(seed * 3 + i);
      for (size_t j = 0; j < each; ++j) RunOne(session, source, isolation, dice);
    });
  }
}

TEST_P(StressGenerators, InThreads) {
  compute::RepeatFor(compute::StressTime(), [&](uint64_t seed) { RunRound(GetParam(), kThread, seed, 20); });
}

TEST_P(StressGenerators, InProcesses) {
  compute::RepeatFor(compute::StressTime(), [&](uint64_t seed) { RunRound(GetParam(), kProcess, seed, 8); });
}

TEST_P(StressGenerators, ThatAreLeftLetGoOfAll) {
  compute::RepeatFor(compute::StressTime(), [&](uint64_t seed) {
    {
      Dice dice(seed);
      std::vector<ObjectRefGenerator<Value>> left;
      Session session({.cpus = GetParam()});
      for (int i = 0; i < 30; ++i) {
        TaskOptions options;
        options.generator_backpressure = static_cast<int>(1 + dice.Pick(3));
        if (dice.OneIn(4)) options.cpus = 0.5;
        if (dice.OneIn(4)) options.timeout = std::chrono::microseconds(dice.Pick(1000));
        auto numbers = session.With(options).Submit(
            [](const Value& first, uint64_t count) -> Generator<Value> {
              Value kept = first;
              for (uint64_t j = 0; j < count; ++j) co_yield Value(first.get() + j + kept.get());
            },
            Value(7), dice.Pick(6));
        for (size_t most = dice.Pick(4); most > 0 && numbers.Next().ok(); --most) {
        }
        if (dice.OneIn(4)) session.Cancel(numbers, {.force = dice.OneIn(2)});
        if (dice.OneIn(2)) left.push_back(std::move(numbers));
      }
    }
    EXPECT_TRUE(compute::Eventually([] { return Value::live.load() == 0; }));
  });
}

INSTANTIATE_TEST_SUITE_P(Cpus, StressGenerators, ::testing::Values(1, 2, 8));

}  // namespace
}  // namespace triune::stress_generators
