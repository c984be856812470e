// What actors ask for, hold, and give back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "compute/testing/stress.h"
#include "triune/core.h"

namespace triune::compute {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ErrorKind KindOf(const Status& status) {
  const TaskError* error = TaskError::Of(status);
  EXPECT_NE(error, nullptr) << status.ToString();
  return error == nullptr ? ErrorKind::kTaskFailed : error->kind;
}

/// What anybody may do in an actor.
class Worker {
 public:
  explicit Worker(bool fails = false) : made_with_(RuntimeContext::gpu_ids()) {
    if (fails) throw std::runtime_error("no luck");
  }
  std::vector<int> MadeWith() const { return made_with_; }
  std::vector<int> Gpus() const { return RuntimeContext::gpu_ids(); }
  int Stay(std::latch* arrived, std::latch* leave) {
    arrived->count_down();
    leave->wait();
    return 1;
  }
  int One() const { return 1; }
  /// Waits for a task that needs a processor.
  Result<int> Ask(Session* session, double cpus) {
    return session->Get(session->With({.cpus = cpus}).Submit([] { return 2; }), kHangGuard);
  }

 private:
  std::vector<int> made_with_;
};

bool AllIsThere(Session& session) {
  return Eventually([&] { return session.AvailableResources() == session.ClusterResources(); });
}

class ActorResources : public ::testing::TestWithParam<int> {
 protected:
  double cpus() const { return GetParam(); }
  Session session_{{.cpus = GetParam(), .gpus = 2, .memory = 100, .resources = {{"disk", 1}}}};
};
INSTANTIATE_TEST_SUITE_P(Cpus, ActorResources, ::testing::Values(1, 2, 8), ::testing::PrintToStringParamName());

TEST_P(ActorResources, AreHeldUntilTheLastHandleIsGone) {
  {
    auto actor = session_.CreateActor<Worker>(
        ActorOptions{.cpus = cpus(), .gpus = 1, .memory = 30, .resources = {{"disk", 0.5}}});
    ASSERT_TRUE(session_.Get(actor.Ready()).ok());
    const std::map<std::string, double> left = {{"CPU", 0}, {"GPU", 1}, {"disk", 0.5}, {"memory", 70}};
    EXPECT_TRUE(Eventually([&] { return session_.AvailableResources() == left; }));
    for (int i = 0; i < 100; ++i) ASSERT_EQ(*session_.Get(actor.Call(&Worker::One)), 1);
  }
  EXPECT_TRUE(AllIsThere(session_));
}

TEST_P(ActorResources, GpusAreTheActorsOwn) {
  auto first = session_.CreateActor<Worker>(ActorOptions{.gpus = 1, .max_restarts = 1});
  auto second = session_.CreateActor<Worker>(ActorOptions{.gpus = 1});
  auto none = session_.CreateActor<Worker>();
  EXPECT_THAT(*session_.Get(none.Call(&Worker::Gpus)), IsEmpty());
  const std::vector<int> of_first = *session_.Get(first.Call(&Worker::Gpus));
  ASSERT_EQ(of_first.size(), 1);
  EXPECT_EQ(*session_.Get(first.Call(&Worker::MadeWith)), of_first);
  EXPECT_NE(*session_.Get(second.Call(&Worker::Gpus)), of_first);
  first.Kill(/*restart=*/true);
  EXPECT_EQ(*session_.Get(first.Call(&Worker::Gpus)), of_first);
  EXPECT_EQ(*session_.Get(first.Call(&Worker::MadeWith)), of_first) << "made anew";
  // A task that runs on the thread of one that waits has its own.
  auto outer = session_.Submit([&] { return *session_.Get(second.Call(&Worker::Gpus)); });
  EXPECT_EQ(session_.Get(outer)->size(), 1);
}

TEST_P(ActorResources, CreationWaitsForThem) {
  auto first = session_.CreateActor<Worker>(ActorOptions{.gpus = 2});
  ASSERT_TRUE(session_.Get(first.Ready()).ok());
  auto second = session_.CreateActor<Worker>(ActorOptions{.gpus = 1});
  auto call = second.Call(&Worker::Gpus);
  EXPECT_EQ(KindOf(session_.Get(second.Ready(), milliseconds(1))), ErrorKind::kGetTimeout);
  EXPECT_EQ(*session_.Get(session_.Submit([] { return 5; })), 5) << "others are not held up";
  first = {};
  EXPECT_EQ(session_.Get(call)->size(), 1);
}

TEST_P(ActorResources, AnActorThatIsKilledGivesThemBack) {
  auto first = session_.CreateActor<Worker>(ActorOptions{.cpus = cpus(), .gpus = 2});
  ASSERT_TRUE(session_.Get(first.Ready()).ok());
  auto second = session_.CreateActor<Worker>(ActorOptions{.cpus = cpus(), .gpus = 2});
  first.Kill();
  EXPECT_TRUE(session_.Get(second.Ready()).ok());
  second.Kill();
  EXPECT_TRUE(AllIsThere(session_));
}

TEST_P(ActorResources, ButNotBeforeItsMethodReturns) {
  std::latch arrived(1);
  std::latch leave(1);
  auto first = session_.CreateActor<Worker>(ActorOptions{.cpus = cpus(), .gpus = 2});
  auto stay = first.Call(&Worker::Stay, &arrived, &leave);
  arrived.wait();
  first.Kill();
  EXPECT_EQ(KindOf(session_.Get(stay).status()), ErrorKind::kActorDied);
  EXPECT_EQ(session_.AvailableResources().at("GPU"), 0);
  auto second = session_.CreateActor<Worker>(ActorOptions{.gpus = 1});
  EXPECT_EQ(KindOf(session_.Get(second.Ready(), milliseconds(1))), ErrorKind::kGetTimeout);
  leave.count_down();
  EXPECT_TRUE(session_.Get(second.Ready()).ok());
  second.Kill();
  EXPECT_TRUE(AllIsThere(session_));
}

TEST_P(ActorResources, AConstructorThatFailsGivesThemBack) {
  auto actor = session_.CreateActor<Worker>(ActorOptions{.cpus = cpus(), .gpus = 2}, true);
  EXPECT_THAT(session_.Get(actor.Ready()).ToString(), HasSubstr("no luck"));
  EXPECT_EQ(KindOf(session_.Get(actor.Call(&Worker::One)).status()), ErrorKind::kActorDied);
  EXPECT_TRUE(AllIsThere(session_));
}

TEST_P(ActorResources, OneThatIsRefusedTakesNone) {
  auto first = session_.CreateActor<Worker>(ActorOptions{.name = "the one", .gpus = 1});
  auto again = session_.CreateActor<Worker>(ActorOptions{.name = "the one", .gpus = 1});
  EXPECT_EQ(session_.Get(again.Ready()).code(), StatusCode::kAlreadyExists);
  auto same = session_.CreateActor<Worker>(ActorOptions{.name = "the one", .get_if_exists = true, .gpus = 1});
  EXPECT_EQ(same, first);
  ASSERT_TRUE(session_.Get(first.Ready()).ok());
  EXPECT_EQ(session_.AvailableResources().at("GPU"), 1);
}

TEST_P(ActorResources, WhatCanNeverBeIsAnError) {
  auto big = session_.CreateActor<Worker>(ActorOptions{.name = "big", .gpus = 3});
  const Status status = session_.Get(big.Ready());
  EXPECT_EQ(KindOf(status), ErrorKind::kUnschedulable);
  EXPECT_THAT(status.ToString(), HasSubstr("wanted GPU 3; has CPU"));
  EXPECT_EQ(KindOf(session_.Get(big.Call(&Worker::One)).status()), ErrorKind::kUnschedulable);
  EXPECT_FALSE(session_.GetActor<Worker>("big").ok());
  EXPECT_EQ(session_.Get(session_.CreateActor<Worker>(ActorOptions{.cpus = -1}).Ready()).code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(session_.Get(session_.CreateActor<Worker>(ActorOptions{.gpus = 1.5}).Ready()).code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(session_.Get(session_.CreateActor<Worker>(ActorOptions{.bundle = 0}).Ready()).code(),
            StatusCode::kInvalidArgument);
  EXPECT_TRUE(AllIsThere(session_));
}

TEST_P(ActorResources, KilledOrCancelledBeforeTheyWereThere) {
  auto first = session_.CreateActor<Worker>(ActorOptions{.gpus = 2});
  ASSERT_TRUE(session_.Get(first.Ready()).ok());
  auto killed = session_.CreateActor<Worker>(ActorOptions{.gpus = 1});
  auto cancelled = session_.CreateActor<Worker>(ActorOptions{.gpus = 1});
  auto third = session_.CreateActor<Worker>(ActorOptions{.gpus = 1});
  auto restarted = session_.CreateActor<Worker>(ActorOptions{.gpus = 1, .max_restarts = 1});
  auto of_killed = killed.Call(&Worker::One);
  auto of_cancelled = cancelled.Call(&Worker::One);
  killed.Kill();
  restarted.Kill(true);
  EXPECT_TRUE(session_.Cancel(cancelled.Ready()));
  EXPECT_EQ(KindOf(session_.Get(of_killed).status()), ErrorKind::kActorDied);
  EXPECT_EQ(KindOf(session_.Get(of_cancelled).status()), ErrorKind::kActorDied);
  first = {};
  EXPECT_EQ(*session_.Get(third.Call(&Worker::One)), 1);
  EXPECT_EQ(*session_.Get(restarted.Call(&Worker::One)), 1);
}

/// All processors are held, and yet: who waits lends them, and those that have none run all the same.
TEST_P(ActorResources, NobodyIsStuckWhenActorsHaveAllProcessors) {
  auto holder = session_.CreateActor<Worker>(ActorOptions{.cpus = cpus()});
  EXPECT_EQ(*session_.Get(holder.Call(&Worker::Ask, &session_, 1)), 2);
  EXPECT_EQ(*session_.Get(holder.Call(&Worker::Ask, &session_, cpus())), 2);
  EXPECT_EQ(*session_.Get(holder.Call(&Worker::Ask, &session_, 0.5)), 2);
  auto none = session_.CreateActor<Worker>();
  EXPECT_EQ(*session_.Get(none.Call(&Worker::One)), 1);
  // A task has to wait, since the actor may want to do something at any time.
  auto task = session_.Submit([] { return 7; });
  EXPECT_EQ(KindOf(session_.Get(task, milliseconds(5)).status()), ErrorKind::kGetTimeout);
  EXPECT_EQ(*session_.Get(none.Call(&Worker::One)), 1);
  holder.Kill();
  EXPECT_EQ(*session_.Get(task), 7);
  EXPECT_TRUE(AllIsThere(session_));
}

TEST_P(ActorResources, SeveralCallsAtTheSameTime) {
  auto actor = session_.CreateActor<Worker>(ActorOptions{.cpus = cpus(), .gpus = 1, .max_concurrency = 4});
  std::latch arrived(4);
  std::latch leave(1);
  std::vector<ObjectRef<int>> calls;
  for (int i = 0; i < 4; ++i) calls.push_back(actor.Call(&Worker::Stay, &arrived, &leave));
  arrived.wait();
  leave.count_down();
  for (auto& call : calls) EXPECT_EQ(*session_.Get(call), 1);
  EXPECT_EQ(session_.Get(actor.Call(&Worker::Gpus))->size(), 1);
  EXPECT_EQ(*session_.Get(actor.Call(&Worker::Ask, &session_, cpus())), 2);
  actor.Kill();
  EXPECT_TRUE(AllIsThere(session_));
}

TEST_P(ActorResources, AHandleMayOutliveTheSession) {
  ActorHandle<Worker> left;
  {
    Session session({.cpus = GetParam(), .gpus = 1});
    left = session.CreateActor<Worker>(ActorOptions{.cpus = 1, .gpus = 1});
    EXPECT_EQ(*session.Get(left.Call(&Worker::One)), 1);
  }
}

TEST_P(ActorResources, TheEndOfASessionDoesNotWaitForWhatNobodyGivesBack) {
  ActorHandle<Worker> holder;
  std::vector<ObjectRef<int>> left;
  {
    Session session({.cpus = GetParam(), .gpus = 1});
    holder = session.CreateActor<Worker>(ActorOptions{.cpus = cpus(), .gpus = 1});
    session.CreateActor<Worker>(ActorOptions{.name = "detached", .detached = true, .gpus = 1});
    ASSERT_TRUE(session.Get(holder.Ready()).ok());
    left.push_back(session.With({.gpus = 1}).Submit([] { return 1; }));
    left.push_back(session.Submit([] { return 1; }));
    auto waiting = session.CreateActor<Worker>(ActorOptions{.gpus = 1});
    left.push_back(waiting.Call(&Worker::One));
    left.push_back(session.With({.cpus = 0}).Submit([&session] {
      return session.Get(session.With({.gpus = 1}).Submit([] { return 1; }));
    }));
  }
  for (auto& reference : left) {
    ASSERT_TRUE(reference.ready());
    EXPECT_TRUE(HasKind(reference.object()->status(), ErrorKind::kUnschedulable))
        << Describe(reference.object()->status());
  }
  EXPECT_THAT(left.front().object()->status().ToString(), HasSubstr("the session has ended while actors"));
}

/// Two actors have a half each, of different ones: who wants a whole one must not keep the others out.
TEST(ActorResourcesOfGpus, PartsOfDifferentOnesHoldNobodyUp) {
  Session session({.cpus = 2, .gpus = 2});
  std::vector<ActorHandle<Worker>> actors;
  for (int i = 0; i < 4; ++i) actors.push_back(session.CreateActor<Worker>(ActorOptions{.gpus = 0.5}));
  int of_first = 0;
  for (auto& actor : actors) of_first += session.Get(actor.Call(&Worker::Gpus))->front() == 0 ? 1 : 0;
  ASSERT_EQ(of_first, 2);
  // One of each goes.
  std::erase_if(actors, [&, seen = std::vector<bool>(2)](auto& actor) mutable {
    const auto gpu = static_cast<size_t>(session.Get(actor.Call(&Worker::Gpus))->front());
    const bool first = !seen[gpu];
    seen[gpu] = true;
    return first;
  });
  ASSERT_TRUE(Eventually([&] { return session.AvailableResources().at("GPU") == 1; }));
  auto whole = session.With({.gpus = 1}).Submit([] { return 1; });
  // Far more than anybody lets pass before it is waited for.
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(*session.Get(session.With({.gpus = 0.5}).Submit([] { return 2; }), kHangGuard), 2);
  }
  EXPECT_FALSE(whole.ready());
  actors.clear();
  EXPECT_EQ(*session.Get(whole), 1);
}

/// Who waits for a child keeps its GPU: nobody may be waited for who needs that one, too.
TEST(ActorResourcesOfGpus, AChildIsNotKeptOutByWhoWaitsForItsParent) {
  Session session({.cpus = 4, .gpus = 2});
  std::atomic<bool> go{false};
  auto parent = session.With({.gpus = 1}).Submit([&] {
    while (!go) std::this_thread::yield();
    int sum = 0;
    for (int i = 0; i < 200; ++i) {
      sum += *session.Get(session.With({.gpus = 1}).Submit([] { return 1; }), kHangGuard);
    }
    return sum;
  });
  auto both = session.With({.gpus = 2}).Submit([] { return 3; });
  go = true;
  EXPECT_EQ(*session.Get(parent), 200);
  EXPECT_EQ(*session.Get(both), 3);
}

TEST(ClusterResources, AreWhatTheSessionHas) {
  Session session({.cpus = 3, .gpus = 0.5, .memory = 1000, .resources = {{"disk", 2}}});
  const std::map<std::string, double> all = {{"CPU", 3}, {"GPU", 0.5}, {"disk", 2}, {"memory", 1000}};
  EXPECT_EQ(session.ClusterResources(), all);
  EXPECT_TRUE(AllIsThere(session));
  std::latch arrived(2);
  std::latch leave(1);
  auto stay = [&] {
    arrived.count_down();
    leave.wait();
  };
  auto plain = session.Submit(stay);
  auto other = session.With({.cpus = 0.5, .gpus = 0.25, .memory = 1, .resources = {{"disk", 2}}}).Submit(stay);
  arrived.wait();
  const std::map<std::string, double> left = {{"CPU", 1.5}, {"GPU", 0.25}, {"disk", 0}, {"memory", 999}};
  EXPECT_TRUE(Eventually([&] { return session.AvailableResources() == left; }));
  leave.count_down();
  EXPECT_TRUE(session.Get(plain).ok());
  EXPECT_TRUE(session.Get(other).ok());
  EXPECT_TRUE(AllIsThere(session));
}

}  // namespace
}  // namespace triune::compute
