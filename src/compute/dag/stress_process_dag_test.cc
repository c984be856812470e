// Random compiled DAGs of actors in processes, which are killed, torn down and left behind at any moment.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "compute/local/local_engine.h"
#include "compute/process/worker_engine.h"
#include "compute/testing/stress.h"
#include "triune/core.h"
#include "triune/core/remote.h"

namespace triune::stress_process_dag {

constexpr int64_t kFailsAt = 17;

/// A number, and bytes beside it that make it long.
struct Number {
  int64_t value = 0;
  std::string padding{};
  MSGPACK_DEFINE(value, padding);
};

class Player {
 public:
  Player() = default;
  Number Sum(const Number& a, const Number& b) { return Padded(a.value + b.value); }
  Result<Number> Next(const Number& number, const Number& argument, bool fails) {
    if (number.value < last_) return Internal("out of order");
    last_ = number.value;
    if (fails && number.value % kFailsAt == 0) return InvalidArgument("as it should");
    compute::Work(argument.value % 7 == 0 ? 300 : 0);
    return Padded(argument.value + 1);
  }
  int Pid() const { return getpid(); }
  void Other() { compute::Work(20); }

 private:
  static Number Padded(int64_t value) {
    return {value, std::string(value % 11 == 0 ? 20'000 : static_cast<size_t>(value % 5000), 'p')};
  }
  int64_t last_ = 0;
};

}  // namespace triune::stress_process_dag

TRIUNE_REMOTE_ACTOR(triune::stress_process_dag::Player(), &triune::stress_process_dag::Player::Sum,
                    &triune::stress_process_dag::Player::Next, &triune::stress_process_dag::Player::Pid,
                    &triune::stress_process_dag::Player::Other);

namespace triune::stress_process_dag {
namespace {

using compute::Dice;
using compute::HasKind;
using compute::RepeatFor;
using compute::StressTest;
using compute::StressTime;
using Pair = std::tuple<Number, Number>;

/// A random DAG, and what it must give.
class RandomDag {
 public:
  RandomDag(Dice& dice, std::vector<ActorHandle<Player>>& actors) {
    InputNode<Number> number;
    nodes_.push_back(number);
    forms_.push_back({1, 0, false});
    for (size_t left = 1 + dice.Pick(10); left > 0; --left) {
      const auto& actor = actors[dice.Pick(actors.size())];
      const size_t a = dice.Pick(nodes_.size());
      const size_t b = dice.Pick(nodes_.size());
      if (dice.OneIn(3)) {
        nodes_.push_back(actor.Bind(&Player::Sum, nodes_[a], nodes_[b]));
        forms_.push_back({forms_[a].factor + forms_[b].factor, forms_[a].offset + forms_[b].offset,
                          forms_[a].can_fail || forms_[b].can_fail});
      } else {
        const bool fails = dice.OneIn(6);
        nodes_.push_back(actor.Bind(&Player::Next, number, nodes_[a], fails));
        forms_.push_back({forms_[a].factor, forms_[a].offset + 1, forms_[a].can_fail || fails});
      }
    }
    other_ = 1 + dice.Pick(nodes_.size() - 1);
  }
  MultiOutputNode<Number, Number> outputs() const {
    return MultiOutputNode<Number, Number>(nodes_.back(), nodes_[other_]);
  }
  void Check(const Result<Pair>& result, int64_t number, bool actors_die, bool is_torn_down) const {
    const bool fails = number % kFailsAt == 0 && (forms_.back().can_fail || forms_[other_].can_fail);
    if (result.ok()) {
      EXPECT_FALSE(fails);
      EXPECT_EQ(std::get<0>(*result).value, forms_.back().factor * number + forms_.back().offset);
      EXPECT_EQ(std::get<1>(*result).value, forms_[other_].factor * number + forms_[other_].offset);
      return;
    }
    const Status& status = result.status();
    const bool died = HasKind(status, ErrorKind::kActorDied) || HasKind(status, ErrorKind::kActorUnavailable);
    const bool was_stopped =
        HasKind(status, ErrorKind::kTaskCancelled) || status.code() == StatusCode::kFailedPrecondition;
    EXPECT_TRUE(fails || (actors_die && died) || (is_torn_down && was_stopped) ||
                HasKind(status, ErrorKind::kCapacityExceeded))
        << status.ToString();
  }

 private:
  /// factor * number + offset.
  struct Form {
    int64_t factor;
    int64_t offset;
    bool can_fail;
  };
  std::vector<DagNode<Number>> nodes_;
  std::vector<Form> forms_;
  size_t other_ = 0;
};

struct Plan {
  bool actors_die = false;
  bool is_torn_down = false;
  std::atomic<int64_t> next{1};
};

void ExecuteMany(Session& session, const RandomDag& dag, CompiledDag<Pair(Number)>& compiled, Dice dice, Plan& plan,
                 bool in_order) {
  struct UnderWay {
    int64_t number;
    CompiledDagRef<Pair> reference;
  };
  std::deque<UnderWay> under_way;
  auto take = [&] {
    std::swap(under_way[dice.Pick(under_way.size())], under_way.back());
    UnderWay taken = std::move(under_way.back());
    under_way.pop_back();
    if (dice.OneIn(10)) return;  // not wanted
    auto result = session.Get(taken.reference, dice.OneIn(8) ? Duration(1000) : Duration::max());
    if (!result.ok() && HasKind(result.status(), ErrorKind::kGetTimeout)) result = session.Get(taken.reference);
    dag.Check(result, taken.number, plan.actors_die, plan.is_torn_down);
  };
  const size_t most = 1 + dice.Pick(8);
  for (int i = 0; i < 60; ++i) {
    while (under_way.size() >= most) take();
    // Several threads do not know in which order they execute.
    const int64_t number = in_order ? plan.next.fetch_add(1) : kFailsAt + 1;
    under_way.push_back({number, compiled.Execute(Number{number, {}})});
  }
  while (!under_way.empty()) take();
}

class StressProcessDagTest : public StressTest {};
INSTANTIATE_TEST_SUITE_P(Cpus, StressProcessDagTest, ::testing::Values(1, 2, 8), ::testing::PrintToStringParamName());

uint64_t UsedBytes(Session& session) {
  return static_cast<compute::LocalEngine&>(compute::WorkerSession::EngineOf(session)).object_statistics().used;
}

TEST_P(StressProcessDagTest, EndsAtAnyTime) {
  RepeatFor(StressTime(), [&](uint64_t seed) {
    Dice dice(seed);
    std::optional<CompiledDag<Pair(Number)>> left_behind;
    std::vector<CompiledDagRef<Pair>> references;
    {
      Session session({.cpus = GetParam()});
      std::vector<ActorHandle<Player>> actors;
      for (size_t left = 1 + dice.Pick(3); left > 0; --left) {
        actors.push_back(session.CreateActor<Player>({.max_restarts = dice.OneIn(2) ? -1 : 0, .isolation = kProcess}));
      }
      for (auto& actor : actors) ASSERT_TRUE(session.Get(actor.Ready()).ok());
      const uint64_t before = UsedBytes(session);
      Plan plan;
      plan.actors_die = dice.OneIn(3);
      plan.is_torn_down = dice.OneIn(3);
      const bool is_left_behind = dice.OneIn(4);
      std::optional<RandomDag> dag(std::in_place, dice, actors);
      auto compiled = session.Compile<Pair(Number)>(dag->outputs(), {.max_inflight_executions = 1 + dice.Pick(12)});
      if (!compiled.ok()) return;  // nothing depends on the number
      const bool in_order = dice.OneIn(2);
      std::vector<std::jthread> crowd;
      for (int left = in_order ? 1 : 3; left > 0; --left) {
        crowd.emplace_back([&, thread_dice = Dice(dice.Seed())] {
          ExecuteMany(session, *dag, *compiled, thread_dice, plan, in_order);
        });
      }
      std::vector<ObjectRef<void>> others;
      for (int i = 0; i < 20; ++i) {
        for (auto& actor : actors) {
          if (dice.OneIn(3)) others.push_back(actor.Call(&Player::Other));
          if (!plan.actors_die || !dice.OneIn(20)) continue;
          if (dice.OneIn(2)) {
            actor.Kill(dice.OneIn(3));
          } else if (auto pid = session.Get(actor.Call(&Player::Pid)); pid.ok()) {
            kill(*pid, SIGKILL);
          }
        }
        compute::Work(100);
      }
      if (plan.is_torn_down) compiled->Teardown();
      crowd.clear();
      for (auto& other : others) {
        const Status status = session.Get(other);
        EXPECT_TRUE(status.ok() || plan.actors_die) << status.ToString();
      }
      for (size_t left = dice.Pick(3); left > 0; --left) references.push_back(compiled->Execute(Number{1000, {}}));
      if (is_left_behind) {
        left_behind.emplace(*std::move(compiled));
      } else {
        { auto gone = *std::move(compiled); }
        references.clear();
        dag.reset();
        if (!plan.actors_die) {
          for (auto& actor : actors) EXPECT_TRUE(session.Get(actor.Call(&Player::Other)).ok());
          EXPECT_TRUE(compute::Eventually([&] { return UsedBytes(session) == before; }))
              << UsedBytes(session) << " " << before;
        }
      }
    }
    for (auto& reference : references) {
      EXPECT_FALSE(HasKind(reference.Get(Duration(0)).status(), ErrorKind::kGetTimeout));
    }
  });
}

}  // namespace
}  // namespace triune::stress_process_dag
