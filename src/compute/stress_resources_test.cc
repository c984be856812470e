// Tasks, actors and placement groups that come and go at random: nobody gets what another has, nobody hangs, and in the
// end all is there again.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "compute/testing/stress.h"
#include "triune/core.h"

namespace triune::compute {
namespace {

constexpr double kGpus = 3;
constexpr double kDisks = 4;

/// Who has which GPU, and how much of the disk, in tenths.
class Meter {
 public:
  void Take(const std::vector<int>& gpus, int part, int disk) {
    for (int gpu : gpus) {
      if ((gpus_[static_cast<size_t>(gpu)] += part) > 10) ++errors_;
    }
    if ((disk_ += disk) > 10 * static_cast<int>(kDisks)) ++errors_;
  }
  void Return(const std::vector<int>& gpus, int part, int disk) {
    for (int gpu : gpus) gpus_[static_cast<size_t>(gpu)] -= part;
    disk_ -= disk;
  }
  void Expect(bool as_expected) {
    if (!as_expected) ++errors_;
  }
  int errors() const { return errors_; }

 private:
  std::array<std::atomic<int>, static_cast<size_t>(kGpus)> gpus_{};
  std::atomic<int> disk_{0};
  std::atomic<int> errors_{0};
};

struct Asked {
  int gpu_part = 0;  ///< Of one, in tenths.
  int gpus = 0;
  int disk = 0;  ///< In tenths.

  static Asked Random(Dice& dice) {
    Asked asked;
    if (dice.OneIn(2)) {
      asked.gpus = 1 + static_cast<int>(dice.Pick(2));
      asked.gpu_part = asked.gpus == 1 && dice.OneIn(2) ? 5 : 10;
    }
    if (dice.OneIn(2)) asked.disk = 5 * static_cast<int>(1 + dice.Pick(3));
    return asked;
  }
  double all_gpus() const { return gpus * gpu_part / 10.0; }
  std::map<std::string, double> resources() const {
    return disk == 0 ? std::map<std::string, double>() : std::map<std::string, double>{{"disk", disk / 10.0}};
  }
};

struct Stage {
  Session* session = nullptr;
  double cpus = 0;
  Meter meter{};
  std::mutex mutex{};
  std::vector<PlacementGroup> groups{};
  std::atomic<int> playing{0};
  std::vector<ObjectRef<void>> plays{};

  /// Whether nobody makes anything new any more.
  bool IsOver() {
    std::lock_guard lock(mutex);
    for (auto& play : plays) {
      if (!play.ready()) return false;
    }
    return playing == 0;  // one that was cancelled may still be at it
  }
  void RemoveGroups() {
    std::vector<PlacementGroup> all;
    {
      std::lock_guard lock(mutex);
      all.swap(groups);
    }
    for (auto& group : all) session->RemovePlacementGroup(group);
  }

  PlacementGroup AnyGroup(Dice& dice) {
    std::lock_guard lock(mutex);
    return groups.empty() ? PlacementGroup() : groups[dice.Pick(groups.size())];
  }
  void Use(const Asked& asked, size_t steps) {
    const std::vector<int> gpus = RuntimeContext::gpu_ids();
    meter.Expect(static_cast<int>(gpus.size()) == asked.gpus);
    meter.Take(gpus, asked.gpu_part, asked.disk);
    Work(steps);
    meter.Return(gpus, asked.gpu_part, asked.disk);
  }
};

class Holder {
 public:
  Holder(Stage* stage, Asked asked, bool fails) : stage_(stage), asked_(asked), gpus_(RuntimeContext::gpu_ids()) {
    if (fails) throw std::runtime_error("not today");
    // From here to the destructor: longer than any method.
    stage_->meter.Expect(static_cast<int>(gpus_.size()) == asked_.gpus);
    stage_->meter.Take(gpus_, asked_.gpu_part, asked_.disk);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() { stage_->meter.Return(gpus_, asked_.gpu_part, asked_.disk); }
  int Call(size_t steps) {
    stage_->meter.Expect(RuntimeContext::gpu_ids() == gpus_);
    Work(steps);
    return 1;
  }
  /// Lends its processors.
  bool Ask(double cpus) {
    auto child = stage_->session->With({.cpus = cpus}).Submit([] { return 1; });
    return stage_->session->Get(child).ok();
  }

 private:
  Stage* stage_;
  const Asked asked_;
  const std::vector<int> gpus_;
};

/// One thread, or one task, that does this and that.
void Play(Stage* stage, uint64_t seed, int steps, int depth) {
  ++stage->playing;
  Dice dice(seed);
  Session& session = *stage->session;
  std::vector<ObjectRef<void>> tasks;
  std::vector<ActorHandle<Holder>> actors;
  for (int i = 0; i < steps; ++i) {
    const Asked asked = Asked::Random(dice);
    const double cpus[] = {0, 0.5, 1, stage->cpus};
    const double some_cpus = cpus[dice.Pick(4)];
    const PlacementGroup group = dice.OneIn(3) ? stage->AnyGroup(dice) : PlacementGroup();
    switch (dice.Pick(7)) {
      case 0:
      case 1: {
        TaskOptions options{.cpus = some_cpus,
                            .gpus = asked.all_gpus(),
                            .resources = asked.resources(),
                            .placement_group = group,
                            .capture_child_tasks = dice.OneIn(2)};
        if (dice.OneIn(8)) options.timeout = std::chrono::microseconds(dice.Pick(500));
        tasks.push_back(
            session.With(std::move(options)).Submit([stage, asked, n = dice.Pick(500)] { stage->Use(asked, n); }));
        if (dice.OneIn(8)) session.Cancel(tasks.back(), {.force = dice.OneIn(2)});
        break;
      }
      case 2:
        if (depth == 0) break;
        {
          auto play = session.With({.cpus = some_cpus, .placement_group = group, .capture_child_tasks = dice.OneIn(2)})
                          .Submit([stage, own = dice.Seed(), depth] { Play(stage, own, 4, depth - 1); });
          std::lock_guard lock(stage->mutex);
          stage->plays.push_back(std::move(play));
        }
        break;
      case 3: {
        ActorOptions options{.cpus = some_cpus,
                             .gpus = asked.all_gpus(),
                             .resources = asked.resources(),
                             .placement_group = group,
                             .capture_child_tasks = dice.OneIn(2),
                             .max_restarts = dice.OneIn(2) ? 1 : 0,
                             .max_concurrency = dice.OneIn(4) ? 3 : 1};
        actors.push_back(session.CreateActor<Holder>(std::move(options), stage, asked, dice.OneIn(10)));
        break;
      }
      case 4:
        for (auto& actor : actors) {
          actor.Call(&Holder::Call, dice.Pick(300));
          if (dice.OneIn(3)) actor.Call(&Holder::Ask, some_cpus);
        }
        if (!actors.empty() && dice.OneIn(2)) actors[dice.Pick(actors.size())].Kill(dice.OneIn(2));
        if (!actors.empty() && dice.OneIn(2)) actors.erase(actors.begin() + static_cast<int>(dice.Pick(actors.size())));
        break;
      case 5: {
        PlacementGroupOptions options{.bundles = {{.cpus = some_cpus, .gpus = 1}}};
        if (dice.OneIn(2)) options.bundles.push_back({.gpus = 0.5, .resources = {{"disk", 1.5}}});
        auto made = session.CreatePlacementGroup(std::move(options));
        std::lock_guard lock(stage->mutex);
        stage->groups.push_back(std::move(made));
        break;
      }
      default: {
        PlacementGroup removed;
        {
          std::lock_guard lock(stage->mutex);
          if (stage->groups.size() > 2 || (dice.OneIn(3) && !stage->groups.empty())) {
            removed = stage->groups.front();
            stage->groups.erase(stage->groups.begin());
          }
        }
        session.RemovePlacementGroup(removed);
        session.Submit([] {});
      }
    }
  }
  --stage->playing;
}

class ResourcesStressTest : public StressTest {};
INSTANTIATE_TEST_SUITE_P(Cpus, ResourcesStressTest, ::testing::Values(1, 2, 8), ::testing::PrintToStringParamName());

TEST_P(ResourcesStressTest, AllIsThereInTheEnd) {
  RepeatFor(StressTime(), [&](uint64_t seed) {
    Stage stage{.cpus = static_cast<double>(GetParam())};
    Session session({.cpus = GetParam(), .gpus = kGpus, .memory = 100, .resources = {{"disk", kDisks}}});
    stage.session = &session;
    std::vector<std::thread> players;
    for (uint64_t i = 0; i < 3; ++i) {
      players.emplace_back([&stage, seed, i] { Play(&stage, seed * 10 + i, 60, 2); });
    }
    for (auto& player : players) player.join();
    // Groups may have what somebody waits for who makes more of them.
    ASSERT_TRUE(Eventually([&] {
      const bool is_over = stage.IsOver();
      stage.RemoveGroups();
      return is_over;
    }));
    ASSERT_TRUE(Eventually([&] { return session.AvailableResources() == session.ClusterResources(); }));
    EXPECT_EQ(stage.meter.errors(), 0);
    auto all = session.With({.cpus = stage.cpus, .gpus = kGpus, .memory = 100, .resources = {{"disk", kDisks}}});
    EXPECT_TRUE(session.Get(all.Submit([] {}), kHangGuard).ok());
  });
}

/// Sessions end while all of it goes on.
TEST_P(ResourcesStressTest, SessionsEnd) {
  RepeatFor(StressTime(), [&](uint64_t seed) {
    auto stage = std::make_unique<Stage>();
    std::vector<ActorHandle<Holder>> left;
    {
      Session session({.cpus = GetParam(), .gpus = kGpus, .memory = 100, .resources = {{"disk", kDisks}}});
      stage->session = &session;
      stage->cpus = GetParam();
      left.push_back(session.CreateActor<Holder>(ActorOptions{.cpus = 0.5, .gpus = 1}, stage.get(),
                                                 Asked{.gpu_part = 10, .gpus = 1}, false));
      session.CreateActor<Holder>(ActorOptions{.name = "detached", .detached = true, .cpus = 0.5}, stage.get(), Asked{},
                                  false);
      Play(stage.get(), seed, 60, 2);
    }
    stage->plays.clear();
    left.clear();
    EXPECT_EQ(stage->meter.errors(), 0);
  });
}

}  // namespace
}  // namespace triune::compute
