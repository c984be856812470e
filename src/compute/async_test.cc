// Coroutines as tasks.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "compute/testing/door.h"
#include "triune/core.h"

namespace triune::compute {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

ErrorKind KindOf(const Status& status) {
  const TaskError* error = TaskError::Of(status);
  EXPECT_NE(error, nullptr) << status.ToString();
  return error == nullptr ? ErrorKind::kTaskFailed : error->kind;
}

/// Counts those that are there.
struct Tracked {
  explicit Tracked(std::atomic<int>& c) : count(c) { count.fetch_add(1); }
  Tracked(const Tracked&) = delete;
  Tracked& operator=(const Tracked&) = delete;
  ~Tracked() { count.fetch_sub(1); }
  std::atomic<int>& count;
};

void AwaitZero(const std::atomic<int>& count) {
  while (count.load() != 0) std::this_thread::yield();
}
template <typename T>
void AwaitValue(const std::atomic<T>& value, T wanted) {
  while (value.load() != wanted) std::this_thread::yield();
}

int One() { return 1; }
Async<int> Plus(ObjectRef<int> a, int b) { co_return co_await a + b; }
Async<int> Give(int x) { co_return x; }
Async<int> GiveLater(int x) {
  co_await Sleep(Duration::zero());
  co_return x;
}
Async<void> Nothing() { co_return; }
Async<Status> Refuse(ObjectRef<int> a) {
  co_await a;
  co_return PermissionDenied("not you");
}
Async<Result<int>> Half(ObjectRef<int> a) {
  const int x = co_await a;
  if (x % 2 != 0) co_return InvalidArgument("odd");
  co_return x / 2;
}

TEST(Async, GivesWhatItReturns) {
  Session session({.cpus = 2});
  Door door;
  auto sum = session.Submit(Plus, door.reference(), 2);
  static_assert(std::is_same_v<decltype(sum), ObjectRef<int>>);
  auto half = session.Submit(Half, door.reference());
  static_assert(std::is_same_v<decltype(half), ObjectRef<int>>);
  auto refused = session.Submit(Refuse, door.reference());
  static_assert(std::is_same_v<decltype(refused), ObjectRef<void>>);
  auto nothing = session.Submit(Nothing);
  auto at_once = session.Submit(Give, 5);
  auto lambda = session.Submit([add = std::make_shared<int>(7)](int x) -> Async<int> { co_return x + *add; }, sum);
  EXPECT_TRUE(session.Get(nothing).ok());
  EXPECT_EQ(*session.Get(at_once), 5);
  EXPECT_FALSE(sum.ready());
  door.Open(4);
  EXPECT_EQ(*session.Get(sum), 6);
  EXPECT_EQ(*session.Get(half), 2);
  EXPECT_EQ(*session.Get(lambda), 13);
  const Status status = session.Get(refused);
  EXPECT_EQ(status.code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(status.message(), "not you");
  EXPECT_EQ(session.Get(session.Submit(Half, session.Put(3))).status().code(), StatusCode::kInvalidArgument);
}

TEST(Async, ReferencesToArgumentsLastAsLongAsItRuns) {
  Session session({.cpus = 2});
  Door door;
  auto size = session.Submit(
      [](const std::vector<int>& values, std::string name, const ObjectRef<int>& door_of) -> Async<size_t> {
        co_await Sleep(milliseconds(1));
        std::ignore = door_of;
        co_return values.size() + name.size();
      },
      session.Put(std::vector<int>(1000)), std::string(100, 'x'), session.Put(ObjectRef<int>(door.reference())));
  EXPECT_EQ(*session.Get(size), 1100U);
}

TEST(Async, HasNoThreadWhileItWaits) {
  Session session({.cpus = 1});
  Door door;
  std::vector<ObjectRef<int>> waiting;
  for (int i = 0; i < 5000; ++i) waiting.push_back(session.Submit(Plus, door.reference(), i));
  // More than there are threads; and others run.
  for (int i = 0; i < 100; ++i) EXPECT_EQ(*session.Get(session.Submit(One)), 1);
  door.Open(1);
  for (int i = 0; i < 5000; ++i) EXPECT_EQ(*session.Get(waiting[static_cast<size_t>(i)]), i + 1);
}

Async<int> Countdown(int n) {
  if (n == 0) co_return co_await GiveLater(0);
  co_return 1 + co_await Countdown(n - 1);
}
Async<int> Throw(bool later) {
  if (later) co_await Sleep(Duration::zero());
  throw std::out_of_range("too far");
}
Async<std::string> CatchIt(bool later) {
  try {
    co_await Throw(later);
  } catch (const std::out_of_range& exception) {
    co_return exception.what();
  }
  co_return "nothing";
}

TEST(Async, AwaitsOthers) {
  Session session({.cpus = 2});
  EXPECT_EQ(*session.Get(session.Submit(Countdown, 10)), 10);
  // None of them stands on another one's stack.
  EXPECT_EQ(*session.Get(session.Submit(Countdown, 100'000)), 100'000);
  EXPECT_EQ(*session.Get(session.Submit(CatchIt, false)), "too far");
  EXPECT_EQ(*session.Get(session.Submit(CatchIt, true)), "too far");
}

Async<std::unique_ptr<int>> MakeUnique(int x) { co_return std::make_unique<int>(x); }
TEST(Async, ValuesNeedOnlyBeMovable) {
  Session session({.cpus = 1});
  auto value = session.Submit([]() -> Async<int> {
    auto moved = co_await MakeUnique(3);
    auto kept = MakeUnique(4);
    co_return *moved + *co_await std::move(kept);
  });
  EXPECT_EQ(*session.Get(value), 7);
}

TEST(Async, LongChainsNeedNoStack) {
  Session session({.cpus = 2});
  Door door;
  auto last = door.reference();
  for (int i = 0; i < 100'000; ++i) last = session.Submit(Plus, last, 1);
  door.Open(5);
  EXPECT_EQ(*session.Get(last), 100'005);
  auto loop = session.Submit([]() -> Async<int> {
    int sum = 0;
    for (int i = 0; i < 100'000; ++i) sum += co_await Give(1);
    for (int i = 0; i < 10'000; ++i) co_await Sleep(Duration::zero());
    co_return sum;
  });
  EXPECT_EQ(*session.Get(loop), 100'000);
}

TEST(Async, WhenAllGivesAllInTheirOrder) {
  Session session({.cpus = 2});
  Door first;
  Door second;
  auto all = session.Submit([refs = std::vector{first.reference(), second.reference()},
                             other = session.Put(std::string("x"))]() -> Async<std::string> {
    const std::vector<int> values = co_await WhenAll(refs);
    auto [number, text] = co_await WhenAll(refs[0], other);
    co_return text + std::to_string(values.at(0)) + std::to_string(values.at(1)) + std::to_string(number);
  });
  second.Open(2);
  first.Open(1);
  EXPECT_EQ(*session.Get(all), "x121");
  auto of_void =
      session.Submit([nothing = std::vector{session.Submit(Nothing), session.Submit(Nothing)}]() -> Async<void> {
        co_await WhenAll(nothing);
      });
  EXPECT_TRUE(session.Get(of_void).ok());
  Door failing;
  auto fails = session.Submit([refs = std::vector{first.reference(), failing.reference()}]() -> Async<size_t> {
    co_return (co_await WhenAll(refs)).size();
  });
  failing.Fail(NotFound("gone"));
  EXPECT_EQ(session.Get(fails).status().code(), StatusCode::kNotFound);
}

TEST(Async, SleepsForAtLeastSoLong) {
  Session session({.cpus = 1});
  const auto begin = std::chrono::steady_clock::now();
  auto slept = session.Submit([]() -> Async<void> {
    co_await Sleep(milliseconds(3));
    co_await Sleep(Duration(-5));
  });
  EXPECT_TRUE(session.Get(slept).ok());
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(3));
}

int Fails() { throw std::runtime_error("broken"); }

TEST(Async, WhatIsAwaitedThrowsItsError) {
  Session session({.cpus = 2});
  auto failed = session.With({.name = "fails"}).Submit(Fails);
  auto uncaught = session.With({.name = "waits"}).Submit(Plus, failed, 1);
  const Status status = session.Get(uncaught).status();
  EXPECT_EQ(status.code(), StatusCode::kUnknown);
  const TaskError* error = TaskError::Of(status);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->task, "task 'waits'");
  ASSERT_NE(TaskError::Of(error->cause), nullptr);
  EXPECT_EQ(TaskError::Of(error->cause)->exception_type, "std::runtime_error");

  auto caught = session.Submit([failed]() -> Async<std::string> {
    try {
      co_await failed;
    } catch (const StatusError& thrown) {
      co_return std::string(thrown.what()) + "|" + TaskError::Of(thrown.status())->task;
    }
    co_return "nothing";
  });
  EXPECT_EQ(*session.Get(caught), "UNKNOWN: task 'fails' threw std::runtime_error: broken|task 'fails'");

  auto result = session.Submit([failed, good = session.Put(1)]() -> Async<bool> {
    Result<int> bad = co_await AsResult(failed);
    Result<int> fine = co_await AsResult(good);
    co_return !bad.ok() && fine.ok() && *fine == 1;
  });
  EXPECT_TRUE(*session.Get(result));
  auto status_of_void = session.Submit([nothing = session.Submit(Nothing)]() -> Async<bool> {
    co_await nothing;
    Status ok = co_await AsResult(nothing);
    co_return ok.ok();
  });
  EXPECT_TRUE(*session.Get(status_of_void));
}

[[gnu::noinline]] void ThrowsFarBelow() { throw std::invalid_argument("deep"); }

TEST(Async, ErrorsOfExceptionsSayWhere) {
  Session session({.cpus = 2});
  Door door;
  auto task = session.With({.name = "t"}).Submit([opens = door.reference()]() -> Async<void> {
    co_await opens;
    ThrowsFarBelow();
  });
  door.Open();
  const Status status = session.Get(task);
  const TaskError* error = TaskError::Of(status);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->exception_type, "std::invalid_argument");
  EXPECT_EQ(status.message(), "task 't' threw std::invalid_argument: deep");
  ASSERT_FALSE(error->stack.empty());
  EXPECT_NE(error->stack[0].find("ThrowsFarBelow"), std::string::npos) << error->stack[0];
  EXPECT_LT(error->stack.size(), 4U);
  EXPECT_EQ(session
                .Get(session.Submit([]() -> Async<void> {
                  throw 5;
                  co_return;
                }))
                .code(),
            StatusCode::kUnknown);
}

TEST(Async, NonsenseIsAnError) {
  Session session({.cpus = 1});
  auto empty = session.Submit([]() -> Async<int> { co_return co_await ObjectRef<int>(); });
  EXPECT_NE(session.Get(empty).status().message().find("empty reference"), std::string::npos);
  auto twice = session.Submit([]() -> Async<int> {
    auto once = Give(1);
    co_await std::move(once);
    co_return co_await std::move(once);
  });
  EXPECT_NE(session.Get(twice).status().message().find("second time"), std::string::npos);
  auto moved = session.Submit([]() -> Async<int> {
    auto made = Give(1);
    auto taken = std::move(made);
    return made;
  });
  EXPECT_EQ(session.Get(moved).status().code(), StatusCode::kInternal);
  { std::ignore = Give(3); }  // never begun
}

TEST(Async, KnowsItsTaskWhereverItGoesOn) {
  Session session({.cpus = 2});
  Door door;
  auto task = session.With({.name = "it"}).Submit([&, opens = door.reference()]() -> Async<bool> {
    bool good = RuntimeContext::task_name() == "task 'it'" && Session::Current() == &session;
    for (int i = 0; i < 10; ++i) {
      i == 0 ? std::ignore = co_await opens : std::ignore = co_await GiveLater(1);
      good = good && RuntimeContext::in_task() && RuntimeContext::task_name() == "task 'it'" &&
             Session::Current() == &session && !RuntimeContext::cancelled();
    }
    co_return good;
  });
  door.Open();
  EXPECT_TRUE(*session.Get(task));
  EXPECT_FALSE(RuntimeContext::in_task());
}

TEST(Async, IsTriedAgain) {
  Session session({.cpus = 2});
  std::atomic<int> live{0};
  std::vector<int> attempts;
  auto flaky = [&]() -> Async<int> {
    Tracked tracked(live);
    attempts.push_back(RuntimeContext::attempt());
    co_await Sleep(Duration::zero());
    EXPECT_EQ(RuntimeContext::attempt(), attempts.back());
    if (attempts.size() == 2) throw std::runtime_error("again");
    if (attempts.size() < 4) throw StatusError(Unavailable("again"));
    co_return 9;
  };
  EXPECT_EQ(*session.Get(session.With({.retries = 5}).Submit(flaky)), 9);
  EXPECT_EQ(attempts, (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(live.load(), 0);
  attempts.clear();
  const Status status = session.Get(session.With({.retries = 1}).Submit(flaky)).status();
  EXPECT_EQ(TaskError::Of(status)->attempt, 1);
}

TEST(Async, GetWithinBlocksAsEver) {
  Session session({.cpus = 1});
  auto task = session.Submit([&]() -> Async<int> {
    const int one = *session.Get(session.Submit(One));
    co_await Sleep(Duration::zero());
    co_return one + *session.Get(session.Submit(One));
  });
  EXPECT_EQ(*session.Get(task), 2);
}

TEST(Async, TheSessionWaitsForIt) {
  std::atomic<int> ended{0};
  {
    Session session({.cpus = 2});
    for (int i = 0; i < 50; ++i) {
      std::ignore = session.Submit([&]() -> Async<void> {
        co_await Sleep(milliseconds(2));
        co_await Sleep(Duration::zero());
        ended.fetch_add(1);
      });
    }
  }
  EXPECT_EQ(ended.load(), 50);
}

TEST(Async, ObjectsOfOtherSessionsCanBeAwaited) {
  for (int round = 0; round < 20; ++round) {
    Session other({.cpus = 1});
    std::binary_semaphore go(0);
    auto far = other.Submit([&] {
      go.acquire();
      return 3;
    });
    ObjectRef<int> near;
    {
      Session session({.cpus = 1});
      near = session.Submit(Plus, far, 1);
      go.release();
    }
    EXPECT_TRUE(near.ready());
    EXPECT_EQ(*other.Get(near), 4);
  }
}

TEST(Async, LendsItsProcessorsAndKeepsItsOtherResources) {
  Session session({.cpus = 2, .gpus = 1});
  Door door;
  std::atomic<bool> begun{false};
  auto wide = session.With({.cpus = 2, .gpus = 1}).Submit([&, opens = door.reference()]() -> Async<bool> {
    const std::vector<int> gpus = RuntimeContext::gpu_ids();
    begun = true;
    co_await opens;
    const bool same = RuntimeContext::gpu_ids() == gpus;
    co_await Sleep(milliseconds(1));
    co_return same&& gpus.size() == 1 && RuntimeContext::gpu_ids() == gpus;
  });
  AwaitValue(begun, true);
  // It would wait for ever otherwise.
  EXPECT_EQ(*session.Get(session.With({.cpus = 2}).Submit(One)), 1);
  EXPECT_EQ(session.AvailableResources()["GPU"], 0);
  auto later = session.With({.gpus = 1}).Submit(One);
  EXPECT_FALSE(later.ready());
  door.Open();
  EXPECT_TRUE(*session.Get(wide));
  EXPECT_EQ(*session.Get(later), 1);
  while (session.AvailableResources()["GPU"] != 1 || session.AvailableResources()["CPU"] != 2) {
    std::this_thread::yield();
  }
}

TEST(Async, ManyWithResourcesGoOnWhenThereIsRoom) {
  Session session({.cpus = 2});
  Door door;
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::vector<ObjectRef<void>> all;
  for (int i = 0; i < 300; ++i) {
    all.push_back(session.With({.cpus = 2}).Submit([&, opens = door.reference()]() -> Async<void> {
      co_await opens;
      const int now = running.fetch_add(1) + 1;
      for (int seen = most.load(); seen < now && !most.compare_exchange_weak(seen, now);) {
      }
      running.fetch_sub(1);
    }));
  }
  door.Open();
  for (auto& each : all) EXPECT_TRUE(session.Get(each).ok());
  EXPECT_LE(most.load(), 4);
}

TEST(Async, IsCancelledWhereItWaits) {
  Session session({.cpus = 2});
  Door door;
  std::atomic<int> live{0};
  std::atomic<int> begun{0};
  auto at_object = session.Submit([&, opens = door.reference()]() -> Async<void> {
    Tracked tracked(live);
    begun.fetch_add(1);
    co_await opens;
  });
  auto at_sleep = session.Submit([&]() -> Async<void> {
    Tracked tracked(live);
    begun.fetch_add(1);
    co_await Sleep(hours(1));
  });
  auto nested = session.Submit([&, opens = door.reference()]() -> Async<int> {
    Tracked tracked(live);
    begun.fetch_add(1);
    co_return co_await Plus(opens, 1);
  });
  auto as_result = session.Submit([&, opens = door.reference()]() -> Async<void> {
    Tracked tracked(live);
    begun.fetch_add(1);
    Result<int> result = co_await AsResult(opens);
    EXPECT_FALSE(result.ok());
    EXPECT_EQ(KindOf(result.status()), ErrorKind::kTaskCancelled);
    EXPECT_TRUE(RuntimeContext::cancelled());
    throw StatusError(result.status());
  });
  auto yields = session.Submit([&]() -> Async<void> {
    Tracked tracked(live);
    begun.fetch_add(1);
    while (true) co_await Sleep(Duration::zero());
  });
  AwaitValue(begun, 5);
  for (const auto& reference : {at_object, at_sleep, as_result, yields}) {
    EXPECT_TRUE(session.Cancel(reference));
    EXPECT_EQ(KindOf(session.Get(reference)), ErrorKind::kTaskCancelled);
  }
  EXPECT_TRUE(session.Cancel(nested));
  EXPECT_EQ(KindOf(session.Get(nested).status()), ErrorKind::kTaskCancelled);
  AwaitZero(live);
}

TEST(Async, MayCatchThatItIsCancelled) {
  Session session({.cpus = 2});
  Door door;
  std::atomic<bool> begun{false};
  auto stubborn = session.Submit([&, opens = door.reference()]() -> Async<int> {
    begun = true;
    try {
      co_await opens;
    } catch (const StatusError&) {
    }
    int thrown = 0;
    for (int i = 0; i < 3; ++i) {
      try {
        co_await Sleep(hours(1));  // still cancelled
      } catch (const StatusError&) {
        ++thrown;
      }
    }
    co_return thrown + co_await Give(1);
  });
  AwaitValue(begun, true);
  session.Cancel(stubborn);
  EXPECT_EQ(*session.Get(stubborn), 4);
}

TEST(Async, CancelByForceDestroysIt) {
  Session session({.cpus = 2});
  Door door;
  std::atomic<int> live{0};
  std::atomic<int> begun{0};
  std::atomic<bool> went_on{false};
  auto wait = [&, opens = door.reference()](int how) -> Async<void> {
    Tracked tracked(live);
    begun.fetch_add(1);
    try {
      if (how == 0) co_await opens;
      if (how == 1) co_await Sleep(hours(1));
      if (how == 2) co_await Plus(opens, 1);
      if (how == 3) co_await AsResult(opens);
    } catch (...) {
    }
    went_on = true;
  };
  for (int how = 0; how < 4; ++how) {
    begun = 0;
    auto reference = session.Submit(wait, how);
    AwaitValue(begun, 1);
    session.Cancel(reference, {.force = true});
    EXPECT_TRUE(reference.ready());
    EXPECT_EQ(KindOf(session.Get(reference)), ErrorKind::kTaskCancelled);
    AwaitZero(live);
  }
  EXPECT_FALSE(went_on);
}

Async<int> Deep(std::atomic<int>& live, std::atomic<int>& depth, ObjectRef<int> opens, int n) {
  Tracked tracked(live);
  depth.fetch_add(1);
  if (n == 0) co_return co_await opens;
  co_return co_await Deep(live, depth, opens, n - 1);
}
TEST(Async, DestroysManyInsideOfEachOther) {
  Session session({.cpus = 2});
  Door door;
  std::atomic<int> live{0};
  std::atomic<int> depth{0};
  auto deep = session.Submit(
      [&, opens = door.reference()]() -> Async<int> { co_return co_await Deep(live, depth, opens, 99'999); });
  AwaitValue(depth, 100'000);
  session.Cancel(deep, {.force = true});
  EXPECT_EQ(KindOf(session.Get(deep).status()), ErrorKind::kTaskCancelled);
  AwaitZero(live);
}

TEST(Async, HasTheTimeoutOfItsTask) {
  Session session({.cpus = 2});
  std::atomic<int> live{0};
  auto late = session.With({.timeout = milliseconds(5)}).Submit([&]() -> Async<void> {
    Tracked tracked(live);
    co_await Sleep(hours(1));
  });
  EXPECT_EQ(KindOf(session.Get(late)), ErrorKind::kDeadlineExceeded);
  AwaitZero(live);
}

TEST(Async, CancelReachesWhatItHasSubmitted) {
  Session session({.cpus = 2});
  std::atomic<bool> submitted{false};
  Door door;
  auto parent = session.Submit([&, opens = door.reference()]() -> Async<int> {
    co_await Sleep(Duration::zero());
    auto child = Session::Current()->Submit(Plus, opens, 1);
    submitted = true;
    co_return co_await child;
  });
  AwaitValue(submitted, true);
  session.Cancel(parent);
  EXPECT_EQ(KindOf(session.Get(parent).status()), ErrorKind::kTaskCancelled);
}

TEST(Async, IsANodeOfADag) {
  Session session({.cpus = 2});
  InputNode<int> input;
  auto node = Bind(GiveLater, Bind(One));
  auto sum = Bind([](int a, int b) { return a + b; }, node, input);
  EXPECT_EQ(*session.Get(session.Execute(sum, 4)), 5);
  auto compiled = session.Compile<int(int)>(sum);
  ASSERT_TRUE(compiled.ok());
  EXPECT_EQ(*session.Get(compiled->Execute(5)), 6);
}

}  // namespace
}  // namespace triune::compute
