#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "compute/testing/stress.h"
#include "triune/core.h"

namespace triune::compute {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

int Double(int x) { return 2 * x; }
int Add(int a, int b) { return a + b; }
Result<int> Half(int x) {
  if (x % 2 != 0) return InvalidArgument("x is odd");
  return x / 2;
}
Status Check(int x) { return x > 0 ? Status() : FailedPrecondition("x is not positive"); }

class Counter {
 public:
  explicit Counter(int start) : value_(start) {}
  int Add(int by) { return value_ += by; }
  int Value() const { return value_; }
  int Last(int x) { return std::exchange(last_, x); }

 private:
  int value_;
  int last_ = -1;
};

ErrorKind KindOf(const Status& status) {
  const TaskError* error = TaskError::Of(status);
  EXPECT_NE(error, nullptr) << status.ToString();
  return error == nullptr ? ErrorKind::kTaskFailed : error->kind;
}

/// Holds functions up until it is opened.
struct Door {
  std::atomic<int> inside{0};
  std::atomic<bool> open{false};
  int Pass(int x) {
    ++inside;
    while (!open && !RuntimeContext::cancelled()) std::this_thread::yield();
    return x;
  }
  void AwaitOne() const {
    while (inside == 0) std::this_thread::yield();
  }
};

class CompiledDagTest : public ::testing::TestWithParam<int> {
 protected:
  Session session_{{.cpus = GetParam()}};
  InputNode<int> input_;
};
INSTANTIATE_TEST_SUITE_P(Cpus, CompiledDagTest, ::testing::Values(1, 2, 8), ::testing::PrintToStringParamName());

TEST_P(CompiledDagTest, GivesTheResult) {
  auto sum = Bind(Add, Bind(Double, input_), 3);
  Result<CompiledDag<int(int)>> compiled = session_.Compile<int(int)>(sum, {.max_inflight_executions = 2});
  ASSERT_TRUE(compiled.ok()) << compiled.status().ToString();
  CompiledDagRef<int> reference = compiled->Execute(7);
  EXPECT_EQ(*session_.Get(reference), 17);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(*session_.Get(compiled->Execute(i)), 2 * i + 3);
}

TEST_P(CompiledDagTest, BranchesAndSharedNodes) {
  std::atomic<int> runs{0};
  auto shared = Bind([&](int x) { return ++runs, x + 1; }, input_);
  std::vector<DagNode<int>> branches;
  for (int i = 0; i < 10; ++i) branches.push_back(Bind(Add, shared, i));
  auto sum = Bind(Add, branches[0], branches[1]);
  for (size_t i = 2; i < branches.size(); ++i) sum = Bind(Add, sum, branches[i]);
  auto compiled = session_.Compile<int(int)>(sum);
  for (int i = 0; i < 500; ++i) ASSERT_EQ(*session_.Get(compiled->Execute(i)), 10 * (i + 1) + 45);
  EXPECT_EQ(runs, 500);
}

TEST_P(CompiledDagTest, SlowBranchesRunAtTheSameTime) {
  if (GetParam() == 1) GTEST_SKIP() << "there is one thread only";
  // Each waits for the other.
  std::atomic<int> here{0};
  auto meet = [&](int x) {
    ++here;
    while (here % 2 != 0) std::this_thread::yield();
    std::this_thread::sleep_for(milliseconds(1));
    return x;
  };
  auto compiled = session_.Compile<int(int)>(Bind(Add, Bind(meet, input_), Bind(meet, input_)));
  EXPECT_EQ(*session_.Get(compiled->Execute(1)), 2);
}

TEST_P(CompiledDagTest, SeveralOutputsAndInputs) {
  InputNode<std::string> text(1);
  auto joined = Bind([](int n, const std::string& s) { return s + std::to_string(n); }, input_, text);
  auto doubled = Bind(Double, input_);
  MultiOutputNode outputs(joined, doubled, input_, joined);
  using Outputs = std::tuple<std::string, int, int, std::string>;
  auto compiled = session_.Compile<Outputs(int, std::string)>(outputs);
  ASSERT_TRUE(compiled.ok()) << compiled.status().ToString();
  const std::string a(100, 'a');
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(*session_.Get(compiled->Execute(i, a)), Outputs(a + std::to_string(i), 2 * i, i, a + std::to_string(i)));
  }
}

TEST_P(CompiledDagTest, ANodeMayReturnATuple) {
  using Pair = std::tuple<int, std::string>;
  auto pair = Bind([](int x) { return Pair(x, "a long text that is on the heap"); }, input_);
  auto compiled = session_.Compile<Pair(int)>(pair);
  EXPECT_EQ(*session_.Get(compiled->Execute(3)), Pair(3, "a long text that is on the heap"));
  auto in_tuple = session_.Compile<std::tuple<Pair>(int)>(MultiOutputNode(pair));
  EXPECT_EQ(std::get<0>(*session_.Get(in_tuple->Execute(3))), Pair(3, "a long text that is on the heap"));
}

TEST_P(CompiledDagTest, NodesWithoutValuesAndWithoutInputs) {
  std::atomic<int> runs{0};
  auto compiled = session_.Compile<void()>(Bind([&] { ++runs; }));
  EXPECT_TRUE(session_.Get(compiled->Execute()).ok());
  EXPECT_EQ(runs, 1);
  auto check = session_.Compile<void(int)>(Bind(Check, input_));
  EXPECT_TRUE(session_.Get(check->Execute(1)).ok());
  EXPECT_EQ(session_.Get(check->Execute(0)).ToString(), "FAILED_PRECONDITION: x is not positive");
}

TEST_P(CompiledDagTest, ValuesAreMovedOutAndDestroyed) {
  {
    InputNode<Value> input;
    auto inner = Bind([](const Value& v) { return Value(v.get() + 1); }, input);
    auto copied = Bind([](Value v) { return std::make_unique<uint64_t>(v.get()); }, inner);  // NOLINT
    auto compiled = session_.Compile<std::unique_ptr<uint64_t>(Value)>(copied);
    for (uint64_t i = 0; i < 100; ++i) ASSERT_EQ(**session_.Get(compiled->Execute(Value(i))), i + 1);
    auto both = session_.Compile<std::tuple<Value, Value, Value>(Value)>(MultiOutputNode(inner, input, inner));
    for (uint64_t i = 0; i < 100; ++i) {
      auto values = session_.Get(both->Execute(Value(i)));
      ASSERT_EQ(std::get<0>(*values).get(), i + 1);
      ASSERT_EQ(std::get<1>(*values).get(), i);
      ASSERT_EQ(std::get<2>(*values).get(), i + 1);
    }
    auto untaken = both->Execute(Value(1));
    std::ignore = both->Execute(Value(1));
  }
  EXPECT_TRUE(Eventually([] { return Value::live == 0; }));
}

TEST_P(CompiledDagTest, ObjectsAmongTheArgumentsAreWaitedForOnce) {
  auto late = session_.Submit([] {
    std::this_thread::sleep_for(milliseconds(2));
    return 5;
  });
  auto compiled = session_.Compile<int(int)>(Bind(Add, input_, late));
  EXPECT_EQ(*session_.Get(compiled->Execute(1)), 6);
  auto failed = session_.Submit(Half, 1);
  EXPECT_EQ(session_.Compile<int(int)>(Bind(Add, input_, failed)).status().ToString(), "INVALID_ARGUMENT: x is odd");
}

TEST_P(CompiledDagTest, WhatCannotBeCompiled) {
  auto message = [&](const auto& result) { return std::string(result.status().message()); };
  auto doubled = Bind(Double, input_);
  EXPECT_EQ(message(session_.Compile<int(double)>(doubled)),
            "input 0 of the DAG is of another type: wanted int, given double");
  EXPECT_EQ(message(session_.Compile<int()>(doubled)), "the DAG has more inputs than are given: uses input 0, given 0");
  EXPECT_EQ(message(session_.Compile<int(int)>(Bind(Double, 1))),
            "the DAG does not use all inputs that are given: input 0");
  EXPECT_EQ(message(session_.Compile<int(int)>(input_)), "the DAG has no node to run");
  EXPECT_EQ(message(session_.Compile<int(int)>(doubled, {.max_inflight_executions = 0})),
            "max_inflight_executions must be at least 1: is 0");
  EXPECT_EQ(
      message(session_.Compile<int(int)>(With({.name = "slow", .timeout = milliseconds(1)}).Bind(Double, input_))),
      "nodes of a compiled DAG can't have timeouts: task 'slow'");
  EXPECT_EQ(message(session_.Compile<int(int)>(With({.name = "big", .cpus = 2}).Bind(Double, input_))),
            "nodes of a compiled DAG can't ask for resources: task 'big'");
  auto pointer = Bind([](int x) { return std::make_unique<int>(x); }, input_);
  using Pointer = std::unique_ptr<int>;
  EXPECT_THAT(message(session_.Compile<std::tuple<Pointer, Pointer>(int)>(MultiOutputNode(pointer, pointer))),
              HasSubstr("a value that can't be copied is an output twice"));

  auto dead = session_.CreateActor<Counter>(1);
  dead.Kill();
  EXPECT_TRUE(Eventually([&] { return !session_.Get(dead.Call(&Counter::Value)).ok(); }));
  EXPECT_EQ(KindOf(session_.Compile<int(int)>(dead.Bind(&Counter::Add, input_)).status()), ErrorKind::kActorDied);
  Session other({.cpus = 1});
  auto foreign = other.CreateActor<Counter>(1);
  EXPECT_THAT(message(session_.Compile<int(int)>(foreign.Bind(&Counter::Add, input_))),
              HasSubstr("the DAG calls an actor of another session"));
}

TEST_P(CompiledDagTest, AnErrorIsThatOfItsExecutionOnly) {
  auto sum = Bind(Add, Bind(Half, input_), Bind(Double, input_));
  auto compiled = session_.Compile<int(int)>(Bind(Double, sum), {.max_inflight_executions = 3});
  for (int i = 0; i < 100; ++i) {
    auto even = compiled->Execute(2 * i);
    auto odd = compiled->Execute(2 * i + 1);
    const Status status = session_.Get(odd).status();
    ASSERT_EQ(status.ToString(), "INVALID_ARGUMENT: x is odd");
    ASSERT_EQ(KindOf(status), ErrorKind::kTaskFailed);
    ASSERT_EQ(session_.Get(odd).status().ToString(), "INVALID_ARGUMENT: x is odd") << "again";
    ASSERT_EQ(*session_.Get(even), 10 * i);
  }
}

TEST_P(CompiledDagTest, NodesHaveNamesAndRetries) {
  std::atomic<int> runs{0};
  auto moody = [&](int x) {
    if (++runs % 3 != 0) throw std::runtime_error("not now");
    EXPECT_EQ(RuntimeContext::attempt(), 2);
    EXPECT_EQ(RuntimeContext::task_name(), "task 'moody'");
    return x;
  };
  auto compiled = session_.Compile<int(int)>(With({.name = "moody", .retries = 2}).Bind(moody, input_));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(*session_.Get(compiled->Execute(i)), i);
  auto failing = session_.Compile<int(int)>(With({.name = "moody", .retries = 1}).Bind(moody, input_));
  EXPECT_EQ(session_.Get(failing->Execute(1)).status().ToString(),
            "UNKNOWN: task 'moody' threw std::runtime_error: not now");
}

TEST_P(CompiledDagTest, MoreExecutionsThanThereIsRoomForFail) {
  Door door;
  auto compiled =
      session_.Compile<int(int)>(Bind([&](int x) { return door.Pass(x); }, input_), {.max_inflight_executions = 2});
  auto first = compiled->Execute(1);
  auto second = compiled->Execute(2);
  auto third = compiled->Execute(3);
  const Status status = session_.Get(third).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kCapacityExceeded);
  EXPECT_THAT(status.ToString(), HasSubstr("max_inflight_executions allows: 2"));
  door.open = true;
  // Also those that are over count until their results are taken.
  EXPECT_EQ(*session_.Get(second), 2);
  auto fourth = compiled->Execute(4);
  EXPECT_EQ(KindOf(session_.Get(compiled->Execute(5)).status()), ErrorKind::kCapacityExceeded);
  EXPECT_EQ(*session_.Get(fourth), 4) << "in any order";
  EXPECT_EQ(*session_.Get(first), 1);
}

TEST_P(CompiledDagTest, ResultsThatNobodyWantsGiveTheirRoomBack) {
  auto compiled = session_.Compile<int(int)>(Bind(Double, input_), {.max_inflight_executions = 1});
  for (int i = 0; i < 50; ++i) {
    {
      auto unwanted = compiled->Execute(i);
    }
    std::optional<Result<int>> got;
    // The room is free when the execution is over.
    ASSERT_TRUE(Eventually([&] { return (got = session_.Get(compiled->Execute(i)))->ok(); }));
    ASSERT_EQ(**got, 2 * i);
  }
}

TEST_P(CompiledDagTest, AResultIsTakenOnce) {
  auto compiled = session_.Compile<int(int)>(Bind(Double, input_));
  auto reference = compiled->Execute(1);
  EXPECT_EQ(*reference.Get(), 2);
  EXPECT_EQ(reference.Get().status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(CompiledDagRef<int>().Get().status().code(), StatusCode::kFailedPrecondition);
}

TEST_P(CompiledDagTest, GetWaitsAsLongAsItIsTold) {
  Door door;
  auto compiled = session_.Compile<int(int)>(Bind([&](int x) { return door.Pass(x); }, input_));
  auto reference = compiled->Execute(1);
  EXPECT_EQ(KindOf(session_.Get(reference, milliseconds(1)).status()), ErrorKind::kGetTimeout);
  door.open = true;
  EXPECT_EQ(*session_.Get(reference), 1);
}

TEST_P(CompiledDagTest, NodesMayUseTheSession) {
  auto nested = [this](int x) { return session_.Get(session_.Submit(Double, x)); };
  auto forgets = [this](int x) {
    // Goes on after the node.
    session_.Submit([](int y) { return Work(static_cast<size_t>(y) * 100), y; }, x);
    return x;
  };
  auto compiled = session_.Compile<int(int)>(Bind(nested, Bind(forgets, input_)), {.max_inflight_executions = 1});
  for (int i = 0; i < 200; ++i) ASSERT_EQ(*session_.Get(compiled->Execute(i)), 2 * i);
}

TEST_P(CompiledDagTest, TasksMayExecute) {
  auto compiled =
      session_.Compile<int(int)>(Bind(Add, Bind(Double, input_), Bind(Half, input_)), {.max_inflight_executions = 100});
  std::vector<ObjectRef<int>> tasks;
  for (int i = 0; i < 20; ++i) {
    tasks.push_back(session_.Submit([&, i] { return session_.Get(compiled->Execute(2 * i)); }));
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(*session_.Get(tasks[static_cast<size_t>(i)]), 5 * i);
}

TEST_P(CompiledDagTest, AnActorIsCalledInTheOrderOfTheExecutions) {
  auto counter = session_.CreateActor<Counter>(0);
  auto slow = [](int x) { return Work(static_cast<size_t>(97 * x % 300)), x; };
  auto last = counter.Bind(&Counter::Last, Bind(slow, input_));
  auto compiled = session_.Compile<int(int)>(Bind(Add, last, Bind(slow, input_)), {.max_inflight_executions = 7});
  std::vector<CompiledDagRef<int>> references;
  for (int i = 0; i < 500; ++i) {
    if (references.size() == 7) {
      const int first = i - 7;
      ASSERT_EQ(*session_.Get(references.front()), first - 1 + first);
      references.erase(references.begin());
    }
    references.push_back(compiled->Execute(i));
  }
}

TEST_P(CompiledDagTest, OrdinaryCallsOfTheActorComeInBetween) {
  auto counter = session_.CreateActor<Counter>(0);
  // Not safe if two were called at the same time.
  auto twice = counter.Bind(&Counter::Add, counter.Bind(&Counter::Add, input_));
  auto compiled = session_.Compile<int(int)>(Bind(Double, twice), {.max_inflight_executions = 10});
  std::jthread caller([&] {
    for (int i = 0; i < 2000; ++i) counter.Call(&Counter::Add, 0);
  });
  int value = 0;
  for (int i = 0; i < 2000; ++i) {
    const int once = value + i % 2;
    value = 2 * once;
    ASSERT_EQ(*session_.Get(compiled->Execute(i % 2)), 2 * value);
    value %= 1 << 20;
    ASSERT_TRUE(session_.Get(counter.Call(&Counter::Add, value - 2 * once)).ok());
  }
}

TEST_P(CompiledDagTest, ActorsWithSeveralCallsAtATime) {
  auto counter = session_.CreateActor<std::atomic<int>>(ActorOptions{.max_concurrency = 3}, 0);
  using Atomic = std::atomic<int>;
  auto loaded = counter.Bind(static_cast<int (Atomic::*)(std::memory_order) const noexcept>(&Atomic::load),
                             std::memory_order_seq_cst);
  auto compiled = session_.Compile<int(int)>(Bind(Add, input_, loaded), {.max_inflight_executions = 5});
  std::vector<CompiledDagRef<int>> references;
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 5; ++i) references.push_back(compiled->Execute(i));
    for (int i = 0; i < 5; ++i) ASSERT_EQ(*session_.Get(references[static_cast<size_t>(i)]), i);
    references.clear();
  }
}

TEST_P(CompiledDagTest, WaitingForOneselfIsAnError) {
  struct Selfish {
    Status Wait(Session* session, CompiledDag<int(int)>* dag) { return session->Get(dag->Execute(1)).status(); }
    int Get(int x) { return x; }
  };
  auto actor = session_.CreateActor<Selfish>();
  auto compiled = session_.Compile<int(int)>(actor.Bind(&Selfish::Get, input_));
  EXPECT_TRUE(HasKind(session_.Get(actor.Call(&Selfish::Wait, &session_, &*compiled)), ErrorKind::kDeadlock));
  EXPECT_EQ(*session_.Get(compiled->Execute(3)), 3);
}

TEST_P(CompiledDagTest, AnActorThatIsKilledFailsTheExecutions) {
  auto counter = session_.CreateActor<Counter>(ActorOptions{.max_restarts = 1}, 5);
  auto compiled = session_.Compile<int(int)>(counter.Bind(&Counter::Add, input_));
  EXPECT_EQ(*session_.Get(compiled->Execute(1)), 6);
  counter.Kill(true);
  EXPECT_EQ(*session_.Get(compiled->Execute(2)), 7) << "made anew";
  counter.Kill();
  EXPECT_EQ(KindOf(session_.Get(compiled->Execute(1)).status()), ErrorKind::kActorDied);
  EXPECT_EQ(KindOf(session_.Get(compiled->Execute(1)).status()), ErrorKind::kActorDied);
}

TEST_P(CompiledDagTest, AMethodThatRunsWhenItsActorIsKilledIsTold) {
  Door door;
  struct Patient {
    int Wait(Door* d, int x) { return d->Pass(x); }
  };
  auto actor = session_.CreateActor<Patient>(ActorOptions{.max_restarts = 1});
  auto compiled = session_.Compile<int(int)>(actor.Bind(&Patient::Wait, &door, input_));
  auto reference = compiled->Execute(1);
  std::thread killer([&] {
    door.AwaitOne();
    actor.Kill(true);
  });
  EXPECT_EQ(KindOf(session_.Get(reference).status()), ErrorKind::kActorUnavailable);
  killer.join();
  door.open = true;
  EXPECT_EQ(*session_.Get(compiled->Execute(2)), 2);
}

TEST_P(CompiledDagTest, TeardownStopsWhatRuns) {
  Door door;
  std::atomic<int> runs{0};
  auto passed = Bind([&](int x) { return door.Pass(x); }, input_);
  auto compiled = session_.Compile<int(int)>(Bind([&](int x) { return ++runs, x; }, passed));
  auto doubled = session_.Compile<int(int)>(Bind(Double, input_));
  auto kept = doubled->Execute(4);
  auto reference = compiled->Execute(1);
  std::thread waits([&] { EXPECT_EQ(KindOf(session_.Get(reference).status()), ErrorKind::kTaskCancelled); });
  door.AwaitOne();
  compiled->Teardown();
  waits.join();
  EXPECT_EQ(runs, 0);
  EXPECT_EQ(KindOf(session_.Get(compiled->Execute(2)).status()), ErrorKind::kTaskCancelled);
  compiled->Teardown();
  while (!session_.Get(kept, Duration(0)).ok()) std::this_thread::yield();
}

TEST_P(CompiledDagTest, TeardownDoesNotWaitForABusyActor) {
  Door door;
  struct Patient {
    int Wait(Door* d, int x) { return d->Pass(x); }
  };
  auto actor = session_.CreateActor<Patient>();
  auto busy = actor.Call(&Patient::Wait, &door, 1);
  door.AwaitOne();
  auto compiled = session_.Compile<int(int)>(actor.Bind(&Patient::Wait, &door, input_));
  auto reference = compiled->Execute(1);
  auto behind = compiled->Execute(2);
  compiled->Teardown();
  EXPECT_EQ(KindOf(session_.Get(reference).status()), ErrorKind::kTaskCancelled);
  EXPECT_EQ(KindOf(session_.Get(behind).status()), ErrorKind::kTaskCancelled);
  door.open = true;
  EXPECT_EQ(*session_.Get(busy), 1);
}

TEST_P(CompiledDagTest, TheDestructorWaitsAndResultsStay) {
  std::atomic<int> done{0};
  CompiledDagRef<int> reference;
  {
    auto compiled = session_.Compile<int(int)>(Bind(
        [&](int x) {
          std::this_thread::sleep_for(milliseconds(2));
          return ++done, x;
        },
        input_));
    reference = compiled->Execute(3);
    std::ignore = compiled->Execute(4);
    // Moved: the same one.
    CompiledDag<int(int)> moved = *std::move(compiled);
  }
  EXPECT_EQ(done, 2);
  EXPECT_EQ(*session_.Get(reference), 3);
}

TEST_P(CompiledDagTest, TheSessionMayEndFirst) {
  std::atomic<int> done{0};
  std::optional<CompiledDag<int(int)>> compiled;
  CompiledDagRef<int> reference;
  {
    Session session({.cpus = GetParam()});
    auto counter = session.CreateActor<Counter>(1);
    auto slow = Bind(
        [&](int x) {
          std::this_thread::sleep_for(milliseconds(2));
          return ++done, x;
        },
        counter.Bind(&Counter::Add, input_));
    auto made = session.Compile<int(int)>(slow);
    ASSERT_TRUE(made.ok());
    compiled.emplace(*std::move(made));
    reference = compiled->Execute(3);
    std::ignore = compiled->Execute(4);
  }
  EXPECT_EQ(done, 2);
  EXPECT_EQ(*reference.Get(), 4);
  EXPECT_EQ(compiled->Execute(1).Get().status().ToString(),
            "FAILED_PRECONDITION: the session of the compiled DAG has ended");
}

TEST(CompiledDagsTest, LongChains) {
  Session session({.cpus = 2});
  InputNode<int> input;
  auto node = Bind(Add, input, 1);
  for (int i = 1; i < 20000; ++i) node = Bind(Add, node, 1);
  auto compiled = session.Compile<int(int)>(node, {.max_inflight_executions = 2});
  for (int i = 0; i < 20; ++i) EXPECT_EQ(*session.Get(compiled->Execute(i)), 20000 + i);
}

}  // namespace
}  // namespace triune::compute
