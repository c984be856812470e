// Waiting that races with completion, and sessions that end with work in flight.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "compute/testing/stress.h"
#include "triune/core.h"

namespace triune::compute {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

class SessionStressTest : public StressTest {};
INSTANTIATE_TEST_SUITE_P(Cpus, SessionStressTest, ::testing::Values(1, 2, 8), ::testing::PrintToStringParamName());

TEST_P(SessionStressTest, EightWaitForOneWithAndWithoutTimeLimits) {
  Session session({.cpus = GetParam()});
  struct Round {
    ObjectRef<Value> object;
    std::atomic<int> there{0};
    std::atomic<int> gone{0};
  };
  // One object after the other, known to all waiters.
  constexpr int kWaiters = 8;
  std::atomic<Round*> current{nullptr};
  std::atomic<bool> over{false};
  std::vector<std::thread> waiters;
  for (uint64_t i = 0; i < kWaiters; ++i) {
    waiters.emplace_back([&, i] {
      Dice dice(i);
      Round* last = nullptr;
      while (!over) {
        Round* round = current;
        if (round == nullptr || round == last) {
          std::this_thread::yield();
          continue;
        }
        last = round;
        ++round->there;
        Result<Value> got = InvalidArgument("not asked yet");
        do {
          const bool for_ever = dice.OneIn(3);
          got = for_ever ? session.Get(round->object) : session.Get(round->object, nanoseconds(dice.Pick(50000)));
          if (got.ok()) break;
          EXPECT_FALSE(for_ever) << got.status().ToString();
          EXPECT_TRUE(HasKind(got.status(), ErrorKind::kGetTimeout)) << got.status().ToString();
        } while (!HasFailure());
        EXPECT_TRUE(got.ok() && got->get() == 42);
        ++round->gone;
      }
    });
  }
  std::vector<std::unique_ptr<Round>> rounds;
  RepeatFor(StressTime(), [&](uint64_t seed) {
    Dice dice(seed);
    auto round = std::make_unique<Round>();
    round->object = session.Submit([n = dice.Pick(3000)] {
      Work(n);
      return Value(42);
    });
    current = round.get();
    EXPECT_TRUE(Eventually([&] { return round->gone == kWaiters; })) << round->gone << " came back";
    round->object = {};
    rounds.push_back(std::move(round));
  });
  over = true;
  for (auto& thread : waiters) thread.join();
}

TEST_P(SessionStressTest, WaitForSomeOfMany) {
  Session session({.cpus = GetParam()});
  RepeatFor(StressTime(), [&](uint64_t seed) {
    std::vector<std::thread> threads;
    for (uint64_t thread = 0; thread < 2; ++thread) {
      threads.emplace_back([&, thread] {
        Dice dice(seed * 2 + thread);
        std::vector<ObjectRef<Value>> references;
        const size_t count = 1 + dice.Pick(20);
        for (size_t i = 0; i < count; ++i) {
          references.push_back(dice.OneIn(5) ? session.Put(Value(i)) : session.Submit([n = dice.Pick(1000), i] {
            Work(n);
            return Value(i);
          }));
        }
        if (dice.OneIn(3)) references.push_back(references[0]);  // one of them twice
        for (int i = 0; i < 20; ++i) {
          const size_t wanted = dice.Pick(references.size() + 1);
          const bool for_ever = dice.OneIn(2);
          auto result = for_ever ? session.Wait(references, wanted)
                                 : session.Wait(references, wanted, nanoseconds(dice.Pick(100000)));
          const std::vector<size_t>& ready = result->ready;
          EXPECT_EQ(ready.size() + result->remaining.size(), references.size());
          EXPECT_GE(ready.size(), for_ever ? wanted : 0U);
          EXPECT_TRUE(std::is_sorted(ready.begin(), ready.end()));
          for (size_t at : ready) EXPECT_TRUE(references[at].ready());
        }
        EXPECT_TRUE(session.Wait(references, references.size(), kHangGuard)->remaining.empty());
      });
    }
    for (auto& thread : threads) thread.join();
  });
}

/// Each task that runs submits some more, waits for some of them in some way, and forgets the others.
class Crowd {
 public:
  Crowd(Session& session, std::atomic<int>& left) : session_(session), left_(left) {}
  Value Go(uint64_t seed, int depth) {
    Dice dice(seed);
    std::vector<ObjectRef<Value>> children;
    for (size_t i = depth > 0 ? dice.Pick(4) : 0; i > 0; --i) {
      ++left_;
      auto run = [this, child_seed = dice.Seed(), depth](const Value&) { return Go(child_seed, depth - 1); };
      auto first = children.empty() || dice.OneIn(2) ? session_.Put(Value(1)) : children.back();
      children.push_back(session_.Submit(run, first));
    }
    Work(dice.Pick(300));
    if (!children.empty() && dice.OneIn(2)) {
      switch (dice.Pick(4)) {
        case 0:
          std::ignore = session_.Get(children.back());
          break;
        case 1:
          EXPECT_TRUE(session_.Get(children.back(), kHangGuard).ok());
          break;
        case 2:
          std::ignore = session_.Wait(children, dice.Pick(children.size() + 1));
          break;
        default:
          std::ignore = session_.Wait(children, children.size(), microseconds(dice.Pick(100)));
      }
    }
    --left_;
    return Value(seed);
  }

 private:
  Session& session_;
  std::atomic<int>& left_;
};

TEST_P(SessionStressTest, TheEndWaitsForWhatNobodyAsksFor) {
  RepeatFor(StressTime(), [&](uint64_t seed) {
    std::atomic<int> left{0};
    {
      Session session({.cpus = GetParam()});
      Crowd crowd(session, left);
      Dice dice(seed);
      for (size_t i = dice.Pick(20); i > 0; --i) {
        ++left;
        auto root = session.Submit([&crowd, root_seed = dice.Seed()] { return crowd.Go(root_seed, 4); });
        if (dice.OneIn(10)) std::ignore = session.Get(root);
      }
    }
    EXPECT_EQ(left, 0);
    EXPECT_EQ(Value::live, 0);
  });
}

TEST_P(SessionStressTest, TheEndWaitsForWhatATimeoutMakesReady) {
  RepeatFor(StressTime(), [&](uint64_t seed) {
    std::atomic<int> left{0};
    {
      Session session({.cpus = GetParam()});
      Dice dice(seed);
      for (int i = 0; i < 10; ++i) {
        auto late = session.With({.timeout = microseconds(dice.Pick(200))}).Submit([n = dice.Pick(2000)] { Work(n); });
        ++left;
        session.Submit([&left, &session, late] {
          std::ignore = session.Get(late, kHangGuard);
          session.Submit([&left] { --left; });
        });
        session.Submit([](const Value&) {}, session.With({.timeout = nanoseconds(0)}).Submit([] { return Value(1); }));
      }
      Work(dice.Pick(3000));
    }
    EXPECT_EQ(left, 0);
    EXPECT_EQ(Value::live, 0);
  });
}

}  // namespace
}  // namespace triune::compute
