// Methods of actors that are coroutines.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "compute/testing/door.h"
#include "triune/core.h"

namespace triune::compute {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

ErrorKind KindOf(const Status& status) {
  const TaskError* error = TaskError::Of(status);
  EXPECT_NE(error, nullptr) << status.ToString();
  return error == nullptr ? ErrorKind::kTaskFailed : error->kind;
}

/// What is known of an actor from outside.
struct Watch {
  std::atomic<int> begun{0};
  std::atomic<int> waiting{0};  ///< Frames of coroutines that are there.
  std::atomic<int> instances{0};
  std::atomic<bool> outlived{false};  ///< A frame was there when the instance went.
  std::atomic<int> inside{0};
  std::atomic<bool> beside{false};  ///< Two ran at the same time.

  void AwaitBegun(int count) const {
    while (begun.load() < count) std::this_thread::yield();
  }
};

struct InFrame {
  explicit InFrame(Watch& w) : watch(w) { watch.waiting.fetch_add(1); }
  InFrame(const InFrame&) = delete;
  InFrame& operator=(const InFrame&) = delete;
  ~InFrame() { watch.waiting.fetch_sub(1); }
  Watch& watch;
};

class Waiter {
 public:
  explicit Waiter(Watch* watch) : watch_(*watch) { watch_.instances.fetch_add(1); }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() {
    if (watch_.waiting.load() != 0) watch_.outlived = true;
    watch_.instances.fetch_sub(1);
  }

  Async<int> Wait(ObjectRef<int> door) {
    InFrame in_frame(watch_);
    order_.push_back(++calls_);
    watch_.begun.fetch_add(1);
    const int value = co_await door;
    co_return value + ++ended_;
  }
  Async<void> Doze(Duration time) {
    InFrame in_frame(watch_);
    watch_.begun.fetch_add(1);
    co_await Sleep(time);
    ++ended_;
  }
  Async<int> WaitDeep(ObjectRef<int> door, int depth) {
    InFrame in_frame(watch_);
    if (depth > 0) co_return co_await WaitDeep(door, depth - 1);
    watch_.begun.fetch_add(1);
    co_return co_await door;
  }
  Async<void> Spin(int rounds) {
    for (int i = 0; i < rounds; ++i) {
      if (watch_.inside.fetch_add(1) != 0) watch_.beside = true;
      ++total_;
      watch_.inside.fetch_sub(1);
      co_await Sleep(Duration::zero());
    }
  }
  void Ordinary() {
    if (watch_.inside.fetch_add(1) != 0) watch_.beside = true;
    ++total_;
    watch_.inside.fetch_sub(1);
  }
  Async<int> AtOnce(int x) { co_return x + 1; }
  Async<int> Asks(ActorHandle<Waiter> self, int n) {
    if (n == 0) co_return 0;
    co_return 1 + co_await self.Call(&Waiter::Asks, self, n - 1);
  }
  Async<ErrorKind> Blocks(ActorHandle<Waiter> self) {
    co_await Sleep(Duration::zero());
    co_return KindOf(Session::Current()->Get(self.Call(&Waiter::Total)).status());
  }
  Async<void> KillsItself(ActorHandle<Waiter> self, ObjectRef<int> door) {
    InFrame in_frame(watch_);
    self.Kill();
    co_await door;
  }
  void Hold(ObjectRef<int> door) {
    watch_.begun.fetch_add(1);
    std::ignore = Session::Current()->Get(door);
  }
  int Total() const { return total_; }
  std::vector<int> Order() const { return order_; }

 private:
  Watch& watch_;
  int calls_ = 0;
  int ended_ = 0;
  int total_ = 0;
  std::vector<int> order_;
};

TEST(AsyncActor, OthersGoOnWhileACallWaits) {
  Watch watch;
  Session session({.cpus = 2});
  Door first;
  Door second;
  auto actor = session.CreateActor<Waiter>(&watch);
  auto a = actor.Call(&Waiter::Wait, first.reference());
  auto b = actor.Call(&Waiter::Wait, second.reference());
  EXPECT_EQ(*session.Get(actor.Call(&Waiter::Total)), 0);
  EXPECT_EQ(*session.Get(actor.Call(&Waiter::AtOnce, 1)), 2);
  second.Open(10);
  EXPECT_EQ(*session.Get(b), 11);
  EXPECT_FALSE(a.ready());
  first.Open(20);
  EXPECT_EQ(*session.Get(a), 22);
  EXPECT_EQ(watch.waiting.load(), 0);
}

TEST(AsyncActor, NeverTwoAtTheSameTime) {
  Watch watch;
  Session session({.cpus = 4});
  auto actor = session.CreateActor<Waiter>(&watch);
  std::vector<ObjectRef<void>> calls;
  for (int i = 0; i < 200; ++i) {
    calls.push_back(actor.Call(&Waiter::Spin, 50));
    calls.push_back(actor.Call(&Waiter::Ordinary));
  }
  for (auto& call : calls) EXPECT_TRUE(session.Get(call).ok());
  EXPECT_EQ(*session.Get(actor.Call(&Waiter::Total)), 200 * 51);
  EXPECT_FALSE(watch.beside);
}

TEST(AsyncActor, NewCallsComeThoughOthersNeverRest) {
  Watch watch;
  Session session({.cpus = 1});
  auto actor = session.CreateActor<Waiter>(&watch);
  auto endless = actor.Call(&Waiter::Spin, 1'000'000'000);
  EXPECT_TRUE(session.Get(actor.Call(&Waiter::Ordinary)).ok());
  EXPECT_EQ(*session.Get(actor.Call(&Waiter::AtOnce, 1)), 2);
  session.Cancel(endless);
  EXPECT_EQ(KindOf(session.Get(endless)), ErrorKind::kTaskCancelled);
}

TEST(AsyncActor, BeginsCallsInTheirOrder) {
  Watch watch;
  Session session({.cpus = 2});
  Door door;
  auto actor = session.CreateActor<Waiter>(&watch);
  std::vector<ObjectRef<int>> calls;
  for (int i = 0; i < 500; ++i) calls.push_back(actor.Call(&Waiter::Wait, door.reference()));
  const std::vector<int> order = *session.Get(actor.Call(&Waiter::Order));
  EXPECT_EQ(order.size(), 500U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  door.Open();
  // They wait for the same, and go on in their order.
  for (int i = 0; i < 500; ++i) EXPECT_EQ(*session.Get(calls[static_cast<size_t>(i)]), i + 1);
}

TEST(AsyncActor, AThousandAreInProgressAtMost) {
  Watch watch;
  Session session({.cpus = 2});
  Door door;
  auto actor = session.CreateActor<Waiter>(&watch);
  std::vector<ObjectRef<int>> calls;
  for (int i = 0; i < 3000; ++i) calls.push_back(actor.Call(&Waiter::Wait, door.reference()));
  auto ordinary = actor.Call(&Waiter::Ordinary);
  watch.AwaitBegun(1000);
  EXPECT_EQ(KindOf(session.Get(ordinary, milliseconds(5))), ErrorKind::kGetTimeout);
  EXPECT_EQ(watch.begun.load(), 1000);
  door.Open();
  for (auto& call : calls) EXPECT_TRUE(session.Get(call).ok());
  EXPECT_TRUE(session.Get(ordinary).ok());
}

TEST(AsyncActor, OrAsManyAsItSays) {
  Watch watch;
  Session session({.cpus = 2});
  Door door;
  auto many = session.CreateActor<Waiter>(ActorOptions{.max_concurrency = 10'001}, &watch);
  std::vector<ObjectRef<int>> calls;
  for (int i = 0; i < 10'000; ++i) calls.push_back(many.Call(&Waiter::Wait, door.reference()));
  watch.AwaitBegun(10'000);
  EXPECT_EQ(watch.waiting.load(), 10'000);
  EXPECT_EQ(*session.Get(many.Call(&Waiter::Total)), 0);
  door.Open();
  for (int i = 0; i < 10'000; ++i) EXPECT_EQ(*session.Get(calls[static_cast<size_t>(i)]), i + 1);
  EXPECT_EQ(watch.waiting.load(), 0);

  Watch few_watch;
  Door few_door;
  auto few = session.CreateActor<Waiter>(ActorOptions{.max_concurrency = 3}, &few_watch);
  calls.clear();
  for (int i = 0; i < 5; ++i) calls.push_back(few.Call(&Waiter::Wait, few_door.reference()));
  few_watch.AwaitBegun(3);
  EXPECT_EQ(KindOf(session.Get(few.Call(&Waiter::Total), milliseconds(5)).status()), ErrorKind::kGetTimeout);
  EXPECT_EQ(few_watch.begun.load(), 3);
  few_door.Open();
  for (auto& call : calls) EXPECT_TRUE(session.Get(call).ok());
}

TEST(AsyncActor, ItsCoroutinesNeverRunBesideEachOtherEvenWithThreads) {
  Watch watch;
  Session session({.cpus = 4});
  auto actor = session.CreateActor<Waiter>(ActorOptions{.max_concurrency = 50}, &watch);
  std::vector<ObjectRef<void>> calls;
  for (int i = 0; i < 100; ++i) calls.push_back(actor.Call(&Waiter::Spin, 20));
  for (auto& call : calls) EXPECT_TRUE(session.Get(call).ok());
  EXPECT_FALSE(watch.beside);
  EXPECT_EQ(*session.Get(actor.Call(&Waiter::Total)), 2000);
}

TEST(AsyncActor, CallsThatWaitCountAsPending) {
  Watch watch;
  Session session({.cpus = 2});
  Door door;
  auto actor = session.CreateActor<Waiter>(ActorOptions{.max_pending_calls = 3}, &watch);
  std::vector<ObjectRef<int>> calls;
  for (int i = 0; i < 3; ++i) calls.push_back(actor.Call(&Waiter::Wait, door.reference()));
  watch.AwaitBegun(3);
  EXPECT_EQ(KindOf(session.Get(actor.Call(&Waiter::Total)).status()), ErrorKind::kPendingCallsLimit);
  session.Cancel(calls[0], {.force = true});
  while (watch.waiting.load() != 2) std::this_thread::yield();
  door.Open();
  for (size_t i = 1; i < 3; ++i) EXPECT_TRUE(session.Get(calls[i]).ok());
  // Counted out just after the results are there.
  while (!session.Get(actor.Call(&Waiter::Total)).ok()) std::this_thread::yield();
}

TEST(AsyncActor, MayWaitForItself) {
  Watch watch;
  Session session({.cpus = 1});
  auto actor = session.CreateActor<Waiter>(&watch);
  EXPECT_EQ(*session.Get(actor.Call(&Waiter::Asks, actor, 100)), 100);
  // A blocked thread keeps the turn.
  EXPECT_EQ(*session.Get(actor.Call(&Waiter::Blocks, actor)), ErrorKind::kDeadlock);
}

TEST(AsyncActor, CallsAreCancelledWhereTheyWait) {
  Watch watch;
  Session session({.cpus = 2});
  Door door;
  auto actor = session.CreateActor<Waiter>(&watch);
  for (bool force : {false, true}) {
    watch.begun = 0;
    auto at_object = actor.Call(&Waiter::Wait, door.reference());
    auto deep = actor.Call(&Waiter::WaitDeep, door.reference(), 20);
    auto at_sleep = actor.Call(&Waiter::Doze, hours(1));
    watch.AwaitBegun(3);
    EXPECT_TRUE(session.Cancel(at_object, {.force = force}));
    EXPECT_TRUE(session.Cancel(deep, {.force = force}));
    EXPECT_TRUE(session.Cancel(at_sleep, {.force = force}));
    EXPECT_EQ(KindOf(session.Get(at_object).status()), ErrorKind::kTaskCancelled);
    EXPECT_EQ(KindOf(session.Get(deep).status()), ErrorKind::kTaskCancelled);
    EXPECT_EQ(KindOf(session.Get(at_sleep)), ErrorKind::kTaskCancelled);
    while (watch.waiting.load() != 0) std::this_thread::yield();
  }
  EXPECT_EQ(*session.Get(actor.Call(&Waiter::AtOnce, 1)), 2);
  auto late = actor.With({.timeout = milliseconds(3)}).Call(&Waiter::Doze, hours(1));
  EXPECT_EQ(KindOf(session.Get(late)), ErrorKind::kDeadlineExceeded);
  while (watch.waiting.load() != 0) std::this_thread::yield();
}

TEST(AsyncActor, KillEndsThoseThatWait) {
  Watch watch;
  Session session({.cpus = 2});
  Door door;
  for (int max_concurrency : {1, 100}) {
    watch.begun = 0;
    auto actor = session.CreateActor<Waiter>(ActorOptions{.max_concurrency = max_concurrency}, &watch);
    std::vector<ObjectRef<int>> calls;
    for (int i = 0; i < 20; ++i) calls.push_back(actor.Call(&Waiter::Wait, door.reference()));
    for (int i = 0; i < 20; ++i) calls.push_back(actor.Call(&Waiter::WaitDeep, door.reference(), i));
    auto dozes = actor.Call(&Waiter::Doze, hours(1));
    watch.AwaitBegun(41);
    actor.Kill();
    for (auto& call : calls) EXPECT_EQ(KindOf(session.Get(call).status()), ErrorKind::kActorDied);
    EXPECT_EQ(KindOf(session.Get(dozes)), ErrorKind::kActorDied);
    while (watch.instances.load() != 0) std::this_thread::yield();
    EXPECT_EQ(watch.waiting.load(), 0);
    EXPECT_FALSE(watch.outlived);
    EXPECT_EQ(KindOf(session.Get(actor.Call(&Waiter::AtOnce, 1)).status()), ErrorKind::kActorDied);
  }
}

TEST(AsyncActor, KillDoesNotWaitForAMethodThatRuns) {
  Session session({.cpus = 2});
  struct Holder {
    Async<int> Wait(ObjectRef<int> awaited) { co_return co_await awaited; }
    void Hold(std::shared_ptr<std::atomic<bool>> began, std::shared_ptr<std::atomic<bool>> may_end) {
      *began = true;
      while (!*may_end) std::this_thread::yield();
    }
  };
  for (int max_concurrency : {1, 5}) {
    for (bool restart : {false, true}) {
      Door door;
      auto held = std::make_shared<std::atomic<bool>>(false);
      auto let_go = std::make_shared<std::atomic<bool>>(false);
      auto actor = session.CreateActor<Holder>(ActorOptions{.max_restarts = 1, .max_concurrency = max_concurrency});
      auto waits = actor.Call(&Holder::Wait, door.reference());
      auto runs = actor.Call(&Holder::Hold, held, let_go);
      while (!*held) std::this_thread::yield();
      actor.Kill(restart);
      const ErrorKind kind = restart ? ErrorKind::kActorUnavailable : ErrorKind::kActorDied;
      EXPECT_EQ(KindOf(session.Get(waits).status()), kind);
      EXPECT_EQ(KindOf(session.Get(runs)), kind);
      *let_go = true;
      door.Open();
      EXPECT_EQ(session.Get(actor.Call(&Holder::Wait, door.reference())).ok(), restart);
    }
  }
}

TEST(AsyncActor, ARestartEndsThoseThatWaitAndKeepsTheOthers) {
  Watch watch;
  Session session({.cpus = 2});
  Door door;
  auto actor = session.CreateActor<Waiter>(ActorOptions{.max_restarts = 2}, &watch);
  std::vector<ObjectRef<int>> calls;
  for (int i = 0; i < 1000; ++i) calls.push_back(actor.Call(&Waiter::Wait, door.reference()));
  watch.AwaitBegun(1000);
  auto behind = actor.Call(&Waiter::AtOnce, 4);
  actor.Kill(true);
  for (auto& call : calls) EXPECT_EQ(KindOf(session.Get(call).status()), ErrorKind::kActorUnavailable);
  EXPECT_EQ(*session.Get(behind), 5);
  EXPECT_EQ(watch.instances.load(), 1);
  EXPECT_EQ(watch.waiting.load(), 0);
  EXPECT_FALSE(watch.outlived);
  auto again = actor.Call(&Waiter::Wait, door.reference());
  door.Open();
  EXPECT_EQ(*session.Get(again), 1);
}

TEST(AsyncActor, MayKillItself) {
  Watch watch;
  Session session({.cpus = 2});
  Door door;
  auto actor = session.CreateActor<Waiter>(&watch);
  auto other = actor.Call(&Waiter::Wait, door.reference());
  auto killer = actor.Call(&Waiter::KillsItself, actor, door.reference());
  EXPECT_EQ(KindOf(session.Get(other).status()), ErrorKind::kActorDied);
  EXPECT_EQ(KindOf(session.Get(killer)), ErrorKind::kActorDied);
  while (watch.instances.load() != 0) std::this_thread::yield();
  EXPECT_FALSE(watch.outlived);
}

TEST(AsyncActor, LivesUntilItsCallsAreOver) {
  Watch watch;
  Session session({.cpus = 2});
  Door door;
  ObjectRef<int> call;
  {
    auto actor = session.CreateActor<Waiter>(&watch);
    call = actor.Call(&Waiter::Wait, door.reference());
  }
  watch.AwaitBegun(1);
  EXPECT_EQ(watch.instances.load(), 1);
  door.Open(1);
  EXPECT_EQ(*session.Get(call), 2);
  call = {};
  while (watch.instances.load() != 0) std::this_thread::yield();
}

class Flaky {
 public:
  Async<int> Try() {
    const int attempt = RuntimeContext::attempt();
    co_await Sleep(Duration::zero());
    if (attempt < 3) throw std::runtime_error("not yet");
    co_return attempt;
  }
};
TEST(AsyncActor, CallsAreTriedAgain) {
  Session session({.cpus = 2});
  auto actor = session.CreateActor<Flaky>();
  EXPECT_EQ(*session.Get(actor.With({.retries = 3}).Call(&Flaky::Try)), 3);
  const Status status = session.Get(actor.With({.retries = 2}).Call(&Flaky::Try)).status();
  EXPECT_EQ(TaskError::Of(status)->attempt, 2);
  EXPECT_EQ(TaskError::Of(status)->exception_type, "std::runtime_error");
}

class Log {
 public:
  void Add(int number) { numbers_.push_back(number); }
  std::vector<int> Numbers() const { return numbers_; }

 private:
  std::vector<int> numbers_;
};
TEST(AsyncActor, CallsOfACoroutineKeepTheirOrderWhereverItRuns) {
  Session session({.cpus = 4});
  auto log = session.CreateActor<Log>();
  auto caller = [log](ObjectRef<int> late) -> Async<void> {
    log.Call(&Log::Add, 0);
    log.With({}).Call(&Log::Add, 1);
    for (int i = 2; i < 200; ++i) {
      log.Call(&Log::Add, i);
      if (i % 3 == 0) co_await Sleep(Duration::zero());
      if (i == 100) co_await late;
    }
  };
  auto numbers = session.Submit([&caller, &session]() -> Async<void> { co_await caller(session.Put(1)); });
  EXPECT_TRUE(session.Get(numbers).ok());
  const std::vector<int> order = *session.Get(log.Call(&Log::Numbers));
  EXPECT_EQ(order.size(), 200U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(AsyncActor, MayHaveProcessorsOfItsOwn) {
  Watch watch;
  Session session({.cpus = 2});
  Door door;
  auto actor = session.CreateActor<Waiter>(ActorOptions{.cpus = 2}, &watch);
  std::vector<ObjectRef<int>> calls;
  for (int i = 0; i < 100; ++i) calls.push_back(actor.Call(&Waiter::Wait, door.reference()));
  auto dozes = actor.Call(&Waiter::Doze, milliseconds(1));
  EXPECT_TRUE(session.Get(dozes).ok());
  door.Open();
  for (auto& call : calls) EXPECT_TRUE(session.Get(call).ok());
}

TEST(AsyncActor, IsANodeOfADag) {
  Watch watch;
  Session session({.cpus = 2});
  auto actor = session.CreateActor<Waiter>(&watch);
  InputNode<int> input;
  auto node = actor.Bind(&Waiter::AtOnce, input);
  EXPECT_EQ(*session.Get(session.Execute(node, 4)), 5);
  auto compiled = session.Compile<int(int)>(node);
  ASSERT_TRUE(compiled.ok());
  EXPECT_EQ(*session.Get(compiled->Execute(5)), 6);
}

}  // namespace
}  // namespace triune::compute
