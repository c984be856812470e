#include "triune/core/placement_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <latch>
#include <thread>
#include <vector>

#include "compute/testing/stress.h"
#include "triune/core.h"

namespace triune::compute {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

ErrorKind KindOf(const Status& status) {
  const TaskError* error = TaskError::Of(status);
  EXPECT_NE(error, nullptr) << status.ToString();
  return error == nullptr ? ErrorKind::kTaskFailed : error->kind;
}

bool AllIsThere(Session& session) {
  return Eventually([&] { return session.AvailableResources() == session.ClusterResources(); });
}

int One() { return 1; }

class Counter {
 public:
  int Add(int by) { return value_ += by; }
  std::vector<int> Gpus() const { return RuntimeContext::gpu_ids(); }
  int Stay(std::latch* arrived, std::latch* leave) {
    arrived->count_down();
    leave->wait();
    return 1;
  }
  /// A task and an actor, as it makes them itself.
  Result<int> Ask(Session* session) {
    TRIUNE_ASSIGN_OR_RETURN(int one, session->Get(session->Submit(One), kHangGuard));
    auto child = session->CreateActor<Counter>();
    TRIUNE_ASSIGN_OR_RETURN(int two, session->Get(child.Call(&Counter::Add, 2), kHangGuard));
    return one + two;
  }

 private:
  int value_ = 0;
};

class PlacementGroups : public ::testing::TestWithParam<int> {
 protected:
  double cpus() const { return GetParam(); }
  /// One bundle with all processors, and one with a GPU.
  PlacementGroup Make(std::string name = {}) {
    return session_.CreatePlacementGroup({.bundles = {{.cpus = cpus()}, {.gpus = 1}}, .name = std::move(name)});
  }
  Session session_{{.cpus = GetParam(), .gpus = 2, .memory = 100}};
};
INSTANTIATE_TEST_SUITE_P(Cpus, PlacementGroups, ::testing::Values(1, 2, 8), ::testing::PrintToStringParamName());

TEST_P(PlacementGroups, AreReservedAndRemoved) {
  auto group = Make("trial-7");
  ASSERT_TRUE(session_.Get(group.Ready()).ok());
  EXPECT_EQ(group.state(), PlacementGroupState::kCreated);
  EXPECT_EQ(session_.AvailableResources().at("CPU"), 0);
  EXPECT_EQ(session_.AvailableResources().at("GPU"), 1);
  EXPECT_EQ(*session_.GetPlacementGroup("trial-7"), group);
  EXPECT_EQ(group.options().bundles.size(), 2);
  EXPECT_TRUE(session_.RemovePlacementGroup(group));
  EXPECT_FALSE(session_.RemovePlacementGroup(group));
  EXPECT_FALSE(session_.RemovePlacementGroup({}));
  EXPECT_EQ(group.state(), PlacementGroupState::kRemoved);
  EXPECT_EQ(session_.GetPlacementGroup("trial-7").status().code(), StatusCode::kNotFound);
  EXPECT_TRUE(AllIsThere(session_));
  EXPECT_TRUE(session_.Get(Make("trial-7").Ready()).ok()) << "the name is free again";
}

TEST_P(PlacementGroups, TasksAndActorsRunInThem) {
  auto group = Make();
  auto gpus = [] { return RuntimeContext::gpu_ids(); };
  EXPECT_EQ(*session_.Get(session_.With({.placement_group = group}).Submit(One)), 1);
  EXPECT_EQ(*session_.Get(session_.With({.placement_group = group, .bundle = 0}).Submit(One)), 1);
  const auto of_task = *session_.Get(session_.With({.cpus = 0, .gpus = 1, .placement_group = group}).Submit(gpus));
  EXPECT_EQ(of_task.size(), 1);
  auto actor = session_.CreateActor<Counter>(ActorOptions{.gpus = 1, .placement_group = group, .bundle = 1});
  EXPECT_EQ(*session_.Get(actor.Call(&Counter::Gpus)), of_task) << "the one that the group has";
  auto outside = session_.CreateActor<Counter>(ActorOptions{.gpus = 1});
  EXPECT_NE(*session_.Get(outside.Call(&Counter::Gpus)), of_task);
  auto with_cpus = session_.CreateActor<Counter>(ActorOptions{.cpus = cpus(), .placement_group = group});
  EXPECT_EQ(*session_.Get(with_cpus.Call(&Counter::Add, 1)), 1);
  // That has all of the bundle now.
  auto waits = session_.With({.placement_group = group}).Submit(One);
  EXPECT_EQ(KindOf(session_.Get(waits, milliseconds(2)).status()), ErrorKind::kGetTimeout);
  with_cpus.Kill();
  EXPECT_EQ(*session_.Get(waits), 1);
}

TEST_P(PlacementGroups, WaitForTheirResourcesAndTheirTasksForThem) {
  auto holder = session_.CreateActor<Counter>(ActorOptions{.gpus = 2});
  ASSERT_TRUE(session_.Get(holder.Ready()).ok());
  auto group = Make("late");
  auto task = session_.With({.placement_group = group}).Submit(One);
  auto actor = session_.CreateActor<Counter>(ActorOptions{.placement_group = group});
  EXPECT_EQ(KindOf(session_.Get(group.Ready(), milliseconds(2))), ErrorKind::kGetTimeout);
  EXPECT_EQ(group.state(), PlacementGroupState::kPending);
  EXPECT_EQ(*session_.Get(session_.Submit(One)), 1) << "nothing of it is taken yet";
  EXPECT_FALSE(task.ready());
  holder = {};
  EXPECT_EQ(*session_.Get(task), 1);
  EXPECT_EQ(*session_.Get(actor.Call(&Counter::Add, 1)), 1);
  EXPECT_TRUE(group.Ready().ready());
}

TEST_P(PlacementGroups, RemovingOneEndsWhatIsInIt) {
  auto group = Make("gone");
  std::latch arrived(1);
  std::latch leave(1);
  auto runs = session_.With({.name = "runs", .cpus = cpus(), .placement_group = group}).Submit([&] {
    arrived.count_down();
    leave.wait();
    return 1;
  });
  arrived.wait();
  auto actor = session_.CreateActor<Counter>(ActorOptions{.name = "a", .gpus = 1, .placement_group = group});
  ASSERT_TRUE(session_.Get(actor.Ready()).ok());
  auto waits = session_.With({.placement_group = group}).Submit(One);
  auto waiting_actor = session_.CreateActor<Counter>(ActorOptions{.gpus = 1, .placement_group = group});
  auto call = waiting_actor.Call(&Counter::Add, 1);

  EXPECT_TRUE(session_.RemovePlacementGroup(group));
  EXPECT_EQ(KindOf(session_.Get(runs).status()), ErrorKind::kTaskCancelled);
  EXPECT_THAT(runs.object()->status().ToString(),
              HasSubstr("task 'runs' was cancelled: placement group 'gone' was removed"));
  EXPECT_EQ(KindOf(session_.Get(waits).status()), ErrorKind::kTaskCancelled);
  const Status killed = session_.Get(actor.Call(&Counter::Add, 1)).status();
  EXPECT_EQ(KindOf(killed), ErrorKind::kActorDied);
  EXPECT_THAT(killed.ToString(), HasSubstr("actor 'a' was killed: its placement group was removed"));
  EXPECT_EQ(KindOf(session_.Get(call).status()), ErrorKind::kActorDied);
  EXPECT_FALSE(session_.Get(waiting_actor.Ready()).ok());
  const Status late = session_.Get(session_.With({.placement_group = group}).Submit(One)).status();
  EXPECT_EQ(KindOf(late), ErrorKind::kUnschedulable);
  EXPECT_THAT(late.ToString(), HasSubstr("placement group 'gone' was removed"));
  EXPECT_FALSE(session_.Get(session_.CreateActor<Counter>(ActorOptions{.placement_group = group}).Ready()).ok());

  EXPECT_EQ(session_.AvailableResources().at("CPU"), 0) << "the function still runs";
  EXPECT_TRUE(Eventually([&] { return session_.AvailableResources().at("GPU") == 2; }));
  leave.count_down();
  EXPECT_TRUE(AllIsThere(session_));
}

TEST_P(PlacementGroups, ATaskWithALateArgumentMissesItsGroup) {
  auto group = Make();
  ASSERT_TRUE(session_.Get(group.Ready()).ok());
  Session other({.cpus = 1});
  std::latch leave(1);
  auto argument = other.Submit([&] {
    leave.wait();
    return 1;
  });
  auto task = session_.With({.placement_group = group}).Submit([](int n) { return n; }, argument);
  auto actor = session_.CreateActor<Counter>(ActorOptions{.placement_group = group});
  session_.RemovePlacementGroup(group);
  leave.count_down();
  EXPECT_EQ(KindOf(session_.Get(task).status()), ErrorKind::kUnschedulable);
  // It may have been made before that.
  EXPECT_FALSE(session_.Get(actor.Call(&Counter::Add, 1)).ok());
  EXPECT_TRUE(AllIsThere(session_));
}

TEST_P(PlacementGroups, RemovedBeforeTheyWereThere) {
  auto first = Make();
  auto second = Make();
  ASSERT_TRUE(session_.Get(first.Ready()).ok());
  auto task = session_.With({.placement_group = second}).Submit(One);
  EXPECT_TRUE(session_.RemovePlacementGroup(second));
  EXPECT_EQ(session_.Get(second.Ready()).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(KindOf(session_.Get(task).status()), ErrorKind::kTaskCancelled);
  EXPECT_TRUE(session_.RemovePlacementGroup(first));
  EXPECT_TRUE(AllIsThere(session_));
}

TEST_P(PlacementGroups, ChildrenGoThereWhenAskedFor) {
  auto group = Make();
  std::atomic<bool> was_cancelled{false};
  auto captured = session_.With({.cpus = cpus(), .placement_group = group, .capture_child_tasks = true}).Submit([&] {
    auto child = session_.With({.cpus = cpus()}).Submit([&] {
      auto grandchild = session_.Submit([&] {
        session_.RemovePlacementGroup(group);
        was_cancelled = RuntimeContext::cancelled();
      });
      return session_.Get(grandchild);
    });
    return session_.Get(child);
  });
  EXPECT_TRUE(HasKind(session_.Get(captured), ErrorKind::kTaskCancelled));
  EXPECT_TRUE(AllIsThere(session_));
  EXPECT_TRUE(was_cancelled) << "the grandchild is in it, too";

  auto small = session_.CreatePlacementGroup({.bundles = {{.gpus = 1}}});
  auto parent = session_.With({.cpus = 0, .placement_group = small, .capture_child_tasks = true}).Submit([&] {
    return session_.Get(session_.Submit(One));
  });
  EXPECT_TRUE(HasKind(session_.Get(parent).status(), ErrorKind::kUnschedulable)) << "no bundle has a processor";
  auto not_asked =
      session_.With({.cpus = 0, .placement_group = small}).Submit([&] { return session_.Get(session_.Submit(One)); });
  EXPECT_EQ(*session_.Get(not_asked), 1);
}

TEST_P(PlacementGroups, ChildrenOfActorsToo) {
  auto group = Make();
  auto actor = session_.CreateActor<Counter>(
      ActorOptions{.cpus = cpus(), .placement_group = group, .capture_child_tasks = true});
  EXPECT_EQ(*session_.Get(actor.Call(&Counter::Ask, &session_)), 3);
  session_.RemovePlacementGroup(group);
  auto small = session_.CreatePlacementGroup({.bundles = {{.gpus = 1}}});
  auto other = session_.CreateActor<Counter>(ActorOptions{.placement_group = small, .capture_child_tasks = true});
  EXPECT_TRUE(HasKind(session_.Get(other.Call(&Counter::Ask, &session_)).status(), ErrorKind::kUnschedulable));
  auto concurrent = session_.CreateActor<Counter>(
      ActorOptions{.placement_group = small, .capture_child_tasks = true, .max_concurrency = 2});
  EXPECT_TRUE(HasKind(session_.Get(concurrent.Call(&Counter::Ask, &session_)).status(), ErrorKind::kUnschedulable));
}

/// The group has all processors; a task in it waits for one that is not in it.
TEST_P(PlacementGroups, WhoWaitsLendsItsProcessorsToThoseOutside) {
  auto group = Make();
  auto outer = session_.With({.cpus = cpus(), .placement_group = group}).Submit([&] {
    int sum = 0;
    for (double n : {1.0, 0.5, cpus()}) {
      sum += *session_.Get(session_.With({.cpus = n}).Submit(One), kHangGuard);
    }
    return sum + *session_.Get(session_.With({.cpus = cpus(), .placement_group = group}).Submit(One), kHangGuard);
  });
  EXPECT_EQ(*session_.Get(outer), 4);
  // With nobody who waits, nothing is lent.
  auto outside = session_.Submit(One);
  EXPECT_EQ(KindOf(session_.Get(outside, milliseconds(2)).status()), ErrorKind::kGetTimeout);
  session_.RemovePlacementGroup(group);
  EXPECT_EQ(*session_.Get(outside), 1);
  EXPECT_TRUE(AllIsThere(session_));
}

/// Tasks and groups that want parts keep coming; one that wants all comes to its turn.
TEST_P(PlacementGroups, ABigOneIsNotStarved) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> others;
  for (int i = 0; i < 2; ++i) {
    others.emplace_back([&, i] {
      while (!stop) {
        auto task = session_.With({.cpus = i * 0.5, .gpus = 1}).Submit(One);
        auto plain = session_.Submit(One);
        EXPECT_TRUE(session_.Get(task).ok());
        EXPECT_TRUE(session_.Get(plain).ok());
        auto small = session_.CreatePlacementGroup({.bundles = {{.gpus = 0.5}}});
        EXPECT_TRUE(session_.Get(small.Ready()).ok());
        session_.RemovePlacementGroup(small);
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    auto big = session_.CreatePlacementGroup({.bundles = {{.cpus = cpus(), .gpus = 1}, {.gpus = 1}}});
    EXPECT_TRUE(session_.Get(big.Ready()).ok());
    session_.RemovePlacementGroup(big);
  }
  stop = true;
  for (auto& thread : others) thread.join();
  EXPECT_TRUE(AllIsThere(session_));
}

TEST_P(PlacementGroups, Strategies) {
  for (auto strategy : {PlacementStrategy::kPack, PlacementStrategy::kSpread, PlacementStrategy::kStrictPack}) {
    auto group = session_.CreatePlacementGroup({.bundles = {{.cpus = 0.5}, {.cpus = 0.5}}, .strategy = strategy});
    EXPECT_TRUE(session_.Get(group.Ready()).ok()) << PlacementStrategyName(strategy);
    EXPECT_TRUE(session_.RemovePlacementGroup(group));
  }
  auto one = session_.CreatePlacementGroup({.bundles = {{.cpus = 1}}, .strategy = PlacementStrategy::kStrictSpread});
  EXPECT_TRUE(session_.Get(one.Ready()).ok());
  auto two = session_.CreatePlacementGroup(
      {.bundles = {{.cpus = 0.1}, {.cpus = 0.1}}, .strategy = PlacementStrategy::kStrictSpread});
  EXPECT_EQ(KindOf(session_.Get(two.Ready())), ErrorKind::kUnschedulable);
  EXPECT_THAT(session_.Get(two.Ready()).ToString(), HasSubstr("in 2 bundles, STRICT_SPREAD; the session has 1 node"));
  EXPECT_EQ(two.state(), PlacementGroupState::kRemoved);
}

TEST_P(PlacementGroups, AreListed) {
  EXPECT_TRUE(session_.PlacementGroups().empty());
  auto removed = Make("first");
  session_.RemovePlacementGroup(removed);
  auto created = Make("second");
  auto pending = Make();
  const auto all = session_.PlacementGroups();
  ASSERT_EQ(all.size(), 3);
  EXPECT_EQ(all[0].name, "first");
  EXPECT_EQ(all[0].state, PlacementGroupState::kRemoved);
  EXPECT_EQ(all[1].id, created.id());
  EXPECT_EQ(all[1].state, PlacementGroupState::kCreated);
  EXPECT_EQ(all[1].bundles[1].gpus, 1);
  EXPECT_EQ(all[2].id, pending.id());
  EXPECT_EQ(all[2].state, PlacementGroupState::kPending);
  EXPECT_EQ(PlacementGroupStateName(all[2].state), "PENDING");
}

TEST_P(PlacementGroups, WhatMakesNoSense) {
  auto error = [&](PlacementGroupOptions options) {
    return session_.Get(session_.CreatePlacementGroup(std::move(options)).Ready()).ToString();
  };
  EXPECT_THAT(error({}), HasSubstr("INVALID_ARGUMENT: bundles is empty: want one at least"));
  EXPECT_THAT(error({.bundles = {{.cpus = 1}, {}}}), HasSubstr("bundles[1] asks for nothing"));
  EXPECT_THAT(error({.bundles = {{.cpus = -1}}}),
              HasSubstr("bundles[0]: the amount of CPU is not a number from 0 to 1e14: -1"));
  EXPECT_THAT(error({.bundles = {{.memory = std::nan("")}}}), HasSubstr("bundles[0]: the amount of memory is not"));
  EXPECT_THAT(error({.bundles = {{.gpus = 1.5}}}), HasSubstr("bundles[0]: more than one GPU must be a whole number"));
  EXPECT_THAT(error({.bundles = {{.cpus = cpus()}, {.cpus = 1}}}), HasSubstr("the placement group can never be"));
  EXPECT_THAT(error({.bundles = {{.cpus = 1}}, .strategy = static_cast<PlacementStrategy>(9)}),
              HasSubstr("strategy is none: got 9, want 0 to 3"));
  auto group = Make("g");
  EXPECT_THAT(error({.bundles = {{.cpus = 1}}, .name = "g"}),
              HasSubstr("ALREADY_EXISTS: there is a placement group named 'g' already"));
  EXPECT_EQ(session_.GetPlacementGroup("").status().code(), StatusCode::kNotFound);

  auto task_error = [&](TaskOptions options) {
    return session_.Get(session_.With(std::move(options)).Submit(One)).status().ToString();
  };
  EXPECT_THAT(task_error({.placement_group = group, .bundle = 2}),
              HasSubstr("bundle is not one of placement group 'g': got 2, want -1 (any) or 0 to 1"));
  EXPECT_THAT(task_error({.placement_group = group, .bundle = -2}), HasSubstr("got -2, want -1 (any) or 0 to 1"));
  EXPECT_THAT(task_error({.bundle = 1}), HasSubstr("bundle is given without placement_group: got 1, want -1"));
  EXPECT_THAT(
      task_error({.placement_group = group, .bundle = 1}),
      HasSubstr("more is asked for than a bundle of placement group 'g' has: wanted CPU 1; bundle 1 has GPU 1"));
  EXPECT_THAT(task_error({.cpus = 1, .gpus = 1, .placement_group = group}), HasSubstr("wanted CPU 1, GPU 1; bundle 0"));
  auto bad = session_.CreatePlacementGroup({});
  EXPECT_THAT(task_error({.placement_group = bad}), HasSubstr("bundles is empty"));
  Session other({.cpus = 1});
  auto foreign = other.CreatePlacementGroup({.bundles = {{.cpus = 1}}});
  EXPECT_THAT(task_error({.placement_group = foreign}), HasSubstr("placement_group is of another session"));
  EXPECT_FALSE(session_.RemovePlacementGroup(foreign));
}

TEST_P(PlacementGroups, TheEndOfASessionDoesNotWaitForThem) {
  std::vector<ObjectRef<int>> left;
  ObjectRef<void> ready;
  PlacementGroup group;
  {
    Session session({.cpus = GetParam()});
    group = session.CreatePlacementGroup({.bundles = {{.cpus = cpus()}}});
    auto never = session.CreatePlacementGroup({.bundles = {{.cpus = 1}}});
    ready = never.Ready();
    left.push_back(session.With({.placement_group = never}).Submit(One));
    left.push_back(session.Submit(One));
    left.push_back(session.With({.cpus = cpus()}).Submit(One));
    left.push_back(session.With({.placement_group = group}).Submit(One));
  }
  EXPECT_TRUE(left.back().object()->status().ok()) << "it only had to be waited for";
  left.pop_back();
  for (auto& reference : left) {
    ASSERT_TRUE(reference.ready());
    EXPECT_TRUE(HasKind(reference.object()->status(), ErrorKind::kUnschedulable));
  }
  ASSERT_TRUE(ready.ready());
  EXPECT_FALSE(ready.object()->status().ok());
}

}  // namespace
}  // namespace triune::compute
