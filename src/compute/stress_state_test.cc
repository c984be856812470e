// Looking at a session while everything in it changes.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "compute/testing/stress.h"
#include "triune/core.h"

namespace triune::compute {
namespace {

int Plus(int a, int b) { return a + b; }
int FailsOnce() {
  if (RuntimeContext::attempt() == 0) throw std::runtime_error("once");
  return 1;
}

class Adder {
 public:
  int Add(int by) { return value_ += by; }

 private:
  std::atomic<int> value_{0};
};

/// What a program may do, at random; every reference is gone at the end.
void DoThings(Session& session, uint64_t seed) {
  Dice dice(seed);
  std::vector<ObjectRef<int>> references{session.Put(1)};
  auto any = [&] { return references[dice.Pick(references.size())]; };
  auto adder = session.CreateActor<Adder>(ActorOptions{.max_restarts = 1});
  for (int i = 0; i < 200; ++i) {
    switch (dice.Pick(8)) {
      case 0:
        references.push_back(session.Put(i));
        break;
      case 1:
        references.push_back(session.With({.name = "retried", .retries = 2}).Submit(FailsOnce));
        break;
      case 2:
        references.push_back(session.With({.cpus = 1000}).Submit(Plus, any(), 1));
        break;
      case 3:
        references.push_back(adder.Call(&Adder::Add, any()));
        break;
      case 4:
        session.Cancel(any(), {.force = dice.OneIn(2)});
        break;
      case 5:
        if (dice.OneIn(4)) {
          adder.Kill(dice.OneIn(2));
          // Without processors: a result of its keeps an actor, and a task that keeps that may wait for one.
          adder = session.CreateActor<Adder>(ActorOptions{.max_concurrency = dice.OneIn(2) ? 2 : 1});
        }
        break;
      case 6:
        references.push_back(session.Submit(
            [&session, a = any()](int b) -> Result<int> {
              TRIUNE_ASSIGN_OR_RETURN(int sum, session.Get(session.Submit(Plus, a, b)));
              return sum;
            },
            1));
        break;
      default:
        references.push_back(session.Submit(Plus, any(), any()));
    }
    if (dice.OneIn(20)) references.resize(1);
  }
}

class StateStressTest : public StressTest {};
INSTANTIATE_TEST_SUITE_P(Cpus, StateStressTest, ::testing::Values(1, 2, 8), ::testing::PrintToStringParamName());

TEST_P(StateStressTest, ListsWhileTasksComeAndGo) {
  RepeatFor(StressTime(), [this](uint64_t seed) {
    const std::string trace = ::testing::TempDir() + "stress." + std::to_string(getpid()) + ".json";
    {
      Session session({.cpus = GetParam(),
                       .track_state = true,
                       .max_tracked_tasks = 200,
                       .trace_file = seed % 2 == 0 ? trace : ""});
      std::atomic<bool> over{false};
      std::thread looks([&] {
        Dice dice(seed);
        do {
          auto tasks = session.ListTasks({.filters = {{.key = "state", .value = "RUNNING"}}});
          auto objects = session.ListObjects();
          auto actors = session.ListActors({.detail = true});
          ASSERT_TRUE(tasks.ok() && objects.ok() && actors.ok());
          for (const TaskInfo& task : tasks->result) EXPECT_FALSE(task.name.empty());
          EXPECT_LE(tasks->num_after_truncation, 200U + 1024U);
          EXPECT_TRUE(session.SummarizeTasks().ok());
          EXPECT_FALSE(session.MetricsText().empty());
          EXPECT_TRUE(session.ListWorkers().ok() && session.ListPlacementGroups().ok());
        } while (!over);
      });
      std::vector<std::thread> users;
      for (uint64_t i = 0; i < 3; ++i) users.emplace_back([&session, seed, i] { DoThings(session, seed * 3 + i); });
      for (auto& user : users) user.join();
      over = true;
      looks.join();
      // All that is left comes to its end.
      SessionStats stats;
      do {
        std::this_thread::yield();
        stats = session.Stats();
      } while (stats.tasks.running + stats.tasks.pending_args_avail + stats.tasks.pending_node_assignment > 0);
      const uint64_t ended = stats.tasks.finished + stats.tasks.failed + stats.tasks.cancelled;
      auto listing = session.ListTasks({.limit = 10'000});
      ASSERT_TRUE(listing.ok());
      EXPECT_EQ(listing->total, ended);
      EXPECT_LE(listing->result.size(), 200U);
      for (const TaskInfo& task : listing->result) EXPECT_TRUE(task.state == "FINISHED" || task.state == "FAILED");
    }
    std::filesystem::remove(trace);
  });
}

TEST_P(StateStressTest, CountsAreRightWithoutTracking) {
  RepeatFor(StressTime(), [this](uint64_t seed) {
    Session session({.cpus = GetParam()});
    std::vector<std::thread> users;
    for (uint64_t i = 0; i < 3; ++i) users.emplace_back([&session, seed, i] { DoThings(session, seed * 3 + i); });
    for (int i = 0; i < 50; ++i) EXPECT_LE(session.Stats().tasks.running, 1024U);
    for (auto& user : users) user.join();
    SessionStats stats;
    do {
      std::this_thread::yield();
      stats = session.Stats();
    } while (stats.tasks.running + stats.tasks.pending_args_avail + stats.tasks.pending_node_assignment > 0 ||
             stats.actors.dead < 3 ||
             stats.actors.alive + stats.actors.pending_creation + stats.actors.dependencies_unready +
                     stats.actors.restarting >
                 0);
    EXPECT_GT(stats.tasks.finished, 0U);
  });
}

}  // namespace
}  // namespace triune::compute
