// Rare moments in the lives of tasks and actors, each brought about on purpose.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "compute/testing/stress.h"
#include "triune/core.h"

namespace triune::compute {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

class CornerTest : public StressTest {
 protected:
  Session session_{{.cpus = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Cpus, CornerTest, ::testing::Values(1, 2, 8), ::testing::PrintToStringParamName());

/// An object that is ready when it is told to be, and not before.
class Gate {
 public:
  ObjectRef<Value> object() const { return object_; }
  void Open() {
    if (!std::exchange(is_open_, true)) open_.count_down();
  }
  ~Gate() { Open(); }

 private:
  std::latch open_{1};
  bool is_open_ = false;
  Session session_{{.cpus = 1}};
  ObjectRef<Value> object_ = session_.Submit([this] {
    open_.wait();
    return Value(7);
  });
};

class Plain {
 public:
  Plain() = default;
  explicit Plain(const Value& value) : number_(value.get()) {}
  uint64_t Add(const Value& value) { return number_ += value.get(); }
  uint64_t Number() { return number_; }
  std::thread::id Thread() { return std::this_thread::get_id(); }

 private:
  uint64_t number_ = 0;
};

// A call or an actor that is refused still stands in the lists of the arguments it waits for.

TEST_P(CornerTest, ACallOfADeadActorMayHaveALateArgument) {
  auto actor = session_.CreateActor<Plain>();
  actor.Kill();
  EXPECT_FALSE(session_.Get(actor.Call(&Plain::Number)).ok());
  Gate gate;
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(HasKind(session_.Get(actor.Call(&Plain::Add, gate.object())).status(), ErrorKind::kActorDied));
  }
  gate.Open();
  EXPECT_TRUE(session_.Get(session_.Submit([](const Value&) {}, gate.object()), kHangGuard).ok());
}

TEST_P(CornerTest, ACallTooManyMayHaveALateArgument) {
  auto actor = session_.CreateActor<Plain>(ActorOptions{.max_pending_calls = 1});
  Gate gate;
  auto first = actor.Call(&Plain::Add, gate.object());
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(HasKind(session_.Get(actor.Call(&Plain::Add, gate.object())).status(), ErrorKind::kPendingCallsLimit));
  }
  gate.Open();
  EXPECT_EQ(*session_.Get(first, kHangGuard), 7U);
}

TEST_P(CornerTest, AnActorThatExistsMayBeAskedForWithALateArgument) {
  auto actor = session_.CreateActor<Plain>(ActorOptions{.name = "plain"});
  Gate gate;
  for (int i = 0; i < 10; ++i) {
    auto same = session_.CreateActor<Plain>(ActorOptions{.name = "plain", .get_if_exists = true}, gate.object());
    EXPECT_EQ(same, actor);
    auto other = session_.CreateActor<Plain>(ActorOptions{.name = "plain"}, gate.object());
    EXPECT_EQ(session_.Get(other.Ready()).code(), StatusCode::kAlreadyExists);
  }
  gate.Open();
  EXPECT_EQ(*session_.Get(actor.Call(&Plain::Add, gate.object()), kHangGuard), 7U);
}

TEST_P(CornerTest, AnArgumentThatCanNotBeCopiedComesAfterALateOne) {
  struct Sore {
    Sore() = default;
    Sore(const Sore&) { throw std::runtime_error("no copies"); }
  };
  Gate gate;
  const Sore sore;
  for (int i = 0; i < 10; ++i) {
    EXPECT_THROW(session_.Submit([](const Value&, const Sore&) {}, gate.object(), sore), std::runtime_error);
    EXPECT_THROW(session_.Submit([](const Sore&, const Value&) {}, sore, gate.object()), std::runtime_error);
  }
  gate.Open();
  EXPECT_TRUE(session_.Get(session_.Submit([](const Value&) {}, gate.object()), kHangGuard).ok());
}

/// Its time is up before it is properly submitted; then it must not become a child of its parent any more.
TEST_P(CornerTest, TimeIsUpAtOnceInsideATask) {
  RepeatFor(StressTime(), [&](uint64_t seed) {
    Dice dice(seed);
    std::atomic<bool> over{false};
    auto parent = session_.Submit([&, seed] {
      Dice own(seed + 1);
      auto actor = session_.CreateActor<Plain>();
      for (int i = 0; i < 300; ++i) {
        TaskOptions options{.timeout = nanoseconds(own.Pick(3) * 1000)};
        session_.With(options).Submit([] { Work(50); });
        actor.With(options).Call(&Plain::Number);
      }
      while (!over && !RuntimeContext::cancelled()) std::this_thread::yield();
    });
    for (int i = 0; i < 20; ++i) {
      Work(dice.Pick(20000));
      session_.Cancel(parent);
    }
    over = true;
    std::ignore = session_.Get(parent, kHangGuard);
    EXPECT_TRUE(parent.ready());
  });
}

/// Whoever waits for the constructor only must not get lost in a method.
TEST_P(CornerTest, WaitingForAnActorRunsNoneOfItsCalls) {
  for (int i = 0; i < 200; ++i) {
    auto actor = session_.CreateActor<Plain>();
    auto thread = actor.Call(&Plain::Thread);
    ASSERT_TRUE(session_.Get(actor.Ready()).ok());
    // With a time limit it is not run here.
    ASSERT_NE(*session_.Get(thread, kHangGuard), std::this_thread::get_id());
  }
}

/// Only the reference to its creation is left.
TEST_P(CornerTest, AnActorGoesWhileSomebodyWaitsForItsCreation) {
  RepeatFor(StressTime(), [&](uint64_t seed) {
    Dice dice(seed);
    for (int i = 0; i < 100; ++i) {
      auto late = session_.Submit([n = dice.Pick(200)] {
        Work(n);
        return Value(1);
      });
      auto ready = dice.OneIn(2) ? session_.CreateActor<Plain>().Ready() : session_.CreateActor<Plain>(late).Ready();
      if (dice.OneIn(3)) {
        Work(dice.Pick(500));
        session_.Cancel(ready, {.recursive = dice.OneIn(2), .force = dice.OneIn(2)});
      }
      Status status = dice.OneIn(2) ? session_.Get(ready)
                                    : session_.Get(session_.Submit([this, ready] { return session_.Get(ready); }));
      ASSERT_TRUE(status.ok() || HasKind(status, ErrorKind::kTaskCancelled)) << Describe(status);
    }
  });
}

class Crowd {
 public:
  void Pass(const Value&) { Enter(); }
  void Enter() {
    const int now = ++inside_;
    int most = most_;
    while (most < now && !most_.compare_exchange_weak(most, now)) {
    }
    Work(2000);
    --inside_;
  }
  int Most() { return most_; }

 private:
  std::atomic<int> inside_{0};
  std::atomic<int> most_{0};
};

TEST_P(CornerTest, CallsThatWaitedBehindALateOneKeepTheLimit) {
  auto crowd = session_.CreateActor<Crowd>(ActorOptions{.max_concurrency = 2});
  Gate gate;
  std::vector<ObjectRef<void>> calls;
  calls.push_back(crowd.Call(&Crowd::Pass, gate.object()));
  for (int i = 0; i < 50; ++i) calls.push_back(crowd.Call(&Crowd::Enter));
  gate.Open();
  for (auto& call : calls) EXPECT_TRUE(session_.Get(call, kHangGuard).ok());
  EXPECT_LE(*session_.Get(crowd.Call(&Crowd::Most), kHangGuard), 2);
}

TEST_P(CornerTest, KillFailsWhatWaitsForAnActorWithSeveralCallsAtATime) {
  struct Stuck {
    // Nobody waits for it in the end: what it waits for is its own.
    void Stay(std::latch* arrived, const std::shared_ptr<std::latch>& leave) {
      arrived->count_down();
      leave->wait();
    }
    int Greet() { return 1; }
  };
  const int busy = std::min(GetParam(), 2);
  auto stuck = session_.CreateActor<Stuck>(ActorOptions{.max_concurrency = busy == 1 ? 2 : busy});
  std::latch arrived(busy);
  const auto leave = std::make_shared<std::latch>(1);
  std::vector<ObjectRef<void>> stay;
  for (int i = 0; i < busy; ++i) stay.push_back(stuck.Call(&Stuck::Stay, &arrived, leave));
  arrived.wait();
  auto waits = stuck.Call(&Stuck::Greet);
  Gate gate;
  auto waits_for_argument = stuck.Call(&Stuck::Greet);
  stuck.Kill();
  for (auto& one : stay) EXPECT_TRUE(HasKind(session_.Get(one, kHangGuard), ErrorKind::kActorDied));
  // Nobody knows when the methods return.
  EXPECT_TRUE(HasKind(session_.Get(waits, std::chrono::seconds(20)).status(), ErrorKind::kActorDied));
  leave->count_down();
}

TEST_P(CornerTest, ARestartBeforeTheActorIsMade) {
  Gate gate;
  auto actor = session_.CreateActor<Plain>(ActorOptions{.max_restarts = -1}, gate.object());
  auto number = actor.Call(&Plain::Number);
  actor.Kill(true);
  gate.Open();
  Result<uint64_t> got = session_.Get(number, kHangGuard);
  ASSERT_TRUE(got.ok()) << Describe(got.status());
  EXPECT_EQ(*got, 7U);
}

TEST_P(CornerTest, AKillWhileTheActorIsMade) {
  struct Slow {
    Slow(std::latch* began, const std::shared_ptr<std::latch>& go_on) {
      began->count_down();
      go_on->wait();
    }
    int Greet() { return 1; }
  };
  std::latch began(1);
  auto go_on = std::make_shared<std::latch>(1);  // the constructor may return when the test is over
  auto actor = session_.CreateActor<Slow>(ActorOptions{.max_restarts = -1}, &began, go_on);
  auto greet = actor.Call(&Slow::Greet);
  began.wait();
  actor.Kill(false);
  EXPECT_TRUE(HasKind(session_.Get(greet, kHangGuard).status(), ErrorKind::kActorDied));
  go_on->count_down();
}

/// A task waits for its second call; the third waits for the task. That is no circle, as long as nobody runs the third
/// on the task's own thread.
TEST_P(CornerTest, NoDeadlockIsSeenWhereThereIsNone) {
  struct Patient {
    Session* session;
    int Take(const Value&) { return 1; }
    int Quick() { return 2; }
    Status WaitFor(std::optional<ObjectRef<void>>* task, std::latch* known) {
      known->wait();
      return session->Get(**task);
    }
  };
  for (int i = 0; i < 50; ++i) {
    std::optional<ObjectRef<void>> self;
    std::latch known(1);
    ObjectRef<void> third;
    auto task = session_.Submit([&]() -> Status {
      auto actor = session_.CreateActor<Patient>(&session_);
      TRIUNE_RETURN_IF_ERROR(session_.Get(actor.Ready()));
      auto late = session_.Submit([] { return Value(1); });
      auto first = actor.Call(&Patient::Take, late);
      auto second = actor.Call(&Patient::Quick);
      third = actor.Call(&Patient::WaitFor, &self, &known);
      std::ignore = session_.Get(late);
      return session_.Get(second).status();
    });
    self = task;
    known.count_down();
    Status status = session_.Get(task, kHangGuard);
    EXPECT_TRUE(status.ok()) << Describe(status);
    status = session_.Get(third, kHangGuard);
    ASSERT_TRUE(status.ok()) << Describe(status);
  }
}

/// Each call waits for the one before: they fail one after the other, not one inside the other.
TEST_P(CornerTest, AnActorDiesWithALongChainOfCalls) {
  auto actor = session_.CreateActor<Plain>();
  Gate gate;
  ObjectRef<uint64_t> last = actor.Call(&Plain::Add, gate.object());
  struct Chain {};
  std::vector<ObjectRef<uint64_t>> all;
  for (int i = 0; i < 100000; ++i) {
    last = actor.Call(&Plain::Add, last);
    all.push_back(last);
  }
  actor.Kill();
  EXPECT_TRUE(HasKind(session_.Get(last, kHangGuard).status(), ErrorKind::kActorDied));
}

TEST_P(CornerTest, ALongChainOfTasksIsCancelledFromItsEnd) {
  Gate gate;
  std::vector<ObjectRef<Value>> chain;
  chain.push_back(session_.Submit([](const Value& x) { return x; }, gate.object()));
  for (int i = 0; i < 100000; ++i) chain.push_back(session_.Submit([](const Value& x) { return x; }, chain.back()));
  for (size_t i = chain.size(); i-- > 1;) session_.Cancel(chain[i]);
  ObjectRef<Value> first = chain.front();
  chain.clear();
  gate.Open();
  EXPECT_EQ(session_.Get(first, kHangGuard)->get(), 7U);
}

// Several sessions.

TEST_P(CornerTest, TheEndWaitsForATaskWhoseArgumentIsOfAnotherSession) {
  std::atomic<bool> ran{false};
  Gate gate;
  std::thread opens;
  {
    Session session({.cpus = GetParam()});
    session.Submit([&](const Value&) { ran = true; }, gate.object());
    opens = std::thread([&] {
      Work(100000);
      gate.Open();
    });
  }
  EXPECT_TRUE(ran);
  opens.join();
}

/// This thread, which waits for a task of one session and so runs it, waits for another inside it.
TEST_P(CornerTest, ATaskThatAWaiterRunsWaitsForAnotherSession) {
  for (int i = 0; i < 20; ++i) {
    Session other({.cpus = 1});
    Gate gate;
    auto task = session_.Submit([&] {
      auto late = other.Submit([](const Value& x) { return x; }, gate.object());
      std::thread opens([&] {
        Work(20000);
        gate.Open();
      });
      Result<Value> value = other.Get(late, std::chrono::seconds(10));
      opens.join();
      return value;
    });
    Result<Value> value = session_.Get(task);
    ASSERT_TRUE(value.ok()) << Describe(value.status());
  }
}

TEST_P(CornerTest, SoManyRunAtTheSameTimeAndNoMore) {
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  RepeatFor(StressTime(), [&](uint64_t) {
    std::vector<ObjectRef<void>> tasks;
    for (int i = 0; i < 100; ++i) {
      tasks.push_back(session_.Submit([&] {
        const int now = ++running;
        int seen = most;
        while (seen < now && !most.compare_exchange_weak(seen, now)) {
        }
        Work(300);
        --running;
      }));
    }
    for (auto& task : tasks) std::ignore = session_.Get(task);
  });
  EXPECT_LE(most, GetParam());
}

TEST_P(CornerTest, MoreTasksWaitThanThereMayBeThreads) {
  if (StressTime() < std::chrono::seconds(5)) GTEST_SKIP() << "a thousand threads: only in a long run";
  Gate gate;
  std::vector<ObjectRef<Value>> tasks;
  std::atomic<bool> go{false};
  ObjectRef<Value> shared = session_.Submit([](const Value& x) { return x; }, gate.object());
  for (int i = 0; i < 1500; ++i) tasks.push_back(session_.Submit([this, shared] { return session_.Get(shared); }));
  while (tasks.size() > 2000) std::this_thread::yield();
  gate.Open();
  for (auto& task : tasks) ASSERT_TRUE(session_.Get(task, kHangGuard).ok());
}

}  // namespace
}  // namespace triune::compute
