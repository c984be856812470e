// Random DAGs that many threads execute at the same time, while actors are called, killed and restarted.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "compute/testing/stress.h"
#include "triune/core.h"

namespace triune::compute {
namespace {

constexpr uint64_t kFailsAt = 17;

/// What the test knows of one actor.
struct Record {
  std::atomic<int> inside{0};
  std::atomic<bool> too_many{false};
  std::atomic<bool> out_of_order{false};
};

class Player {
 public:
  explicit Player(std::shared_ptr<Record> record) : record_(std::move(record)) {}
  Value Play(const Value& number, const Value& argument) {
    if (++record_->inside != 1) record_->too_many = true;
    // Executions that fail before do not call; the others come in their order.
    if (number.get() < last_) record_->out_of_order = true;
    last_ = number.get();
    Work(argument.get() % 7 == 0 ? 300 : 0);
    --record_->inside;
    return Value(argument.get() + 1);
  }
  void Other() {
    if (++record_->inside != 1) record_->too_many = true;
    Work(20);
    --record_->inside;
  }

 private:
  std::shared_ptr<Record> record_;
  uint64_t last_ = 0;
};

struct Actor {
  std::shared_ptr<Record> record = std::make_shared<Record>();
  ActorHandle<Player> handle;
};

/// A random DAG, and what it must give.
class RandomDag {
 public:
  RandomDag(Session& session, Dice& dice, std::vector<Actor>& actors) {
    InputNode<Value> number;
    nodes_.push_back(number);
    sums_.push_back({.factor = 1, .offset = 0, .can_fail = false});
    const size_t count = 1 + dice.Pick(12);
    for (size_t i = 0; i < count; ++i) {
      const size_t a = dice.Pick(nodes_.size());
      const size_t b = dice.Pick(nodes_.size());
      switch (dice.Pick(actors.empty() ? 3 : 4)) {
        case 0:
          Add(Bind(Sum, nodes_[a], nodes_[b]), {sums_[a].factor + sums_[b].factor, sums_[a].offset + sums_[b].offset,
                                                sums_[a].can_fail || sums_[b].can_fail});
          break;
        case 1:
          Add(With({.retries = 1}).Bind(SlowPlusOne, nodes_[a], dice.Pick(400)), Plus(sums_[a], 1));
          break;
        case 2: {
          Form sum = Plus(sums_[a], 2);
          // Only what is known to depend on the number alone.
          const bool fails = a == 0 && dice.OneIn(3);
          sum.can_fail |= fails;
          Add(Bind([&session, fails](const Value& v) { return PlusTwo(session, v, fails); }, nodes_[a]), sum);
          break;
        }
        default:
          Add(actors[dice.Pick(actors.size())].handle.Bind(&Player::Play, number, nodes_[a]), Plus(sums_[a], 1));
      }
    }
  }
  const DagNode<Value>& last() const { return nodes_.back(); }
  const DagNode<Value>& any(size_t index) const { return nodes_[1 + index % (nodes_.size() - 1)]; }

  void Check(const Result<Value>& result, uint64_t number, size_t index, bool actors_die) const {
    const Form& sum = sums_[index];
    const bool fails = sum.can_fail && number % kFailsAt == 0;
    if (result.ok()) {
      EXPECT_FALSE(fails);
      EXPECT_EQ(result->get(), sum.factor * number + sum.offset);
    } else if (!actors_die || fails) {
      EXPECT_TRUE(fails || actors_die) << result.status().ToString();
    } else {
      EXPECT_TRUE(HasKind(result.status(), ErrorKind::kActorDied) ||
                  HasKind(result.status(), ErrorKind::kActorUnavailable))
          << result.status().ToString();
    }
  }
  size_t last_index() const { return nodes_.size() - 1; }
  size_t any_index(size_t index) const { return 1 + index % (nodes_.size() - 1); }

 private:
  /// factor * number + offset.
  struct Form {
    uint64_t factor;
    uint64_t offset;
    bool can_fail;
  };
  static Form Plus(Form form, uint64_t by) { return {form.factor, form.offset + by, form.can_fail}; }
  static Value Sum(const Value& a, Value b) { return Value(a.get() + b.get()); }  // NOLINT
  static Result<Value> SlowPlusOne(const Value& v, size_t work) {
    Work(work);
    if (RuntimeContext::attempt() == 0 && v.get() % 5 == 0) return Unavailable("try again");
    return Value(v.get() + 1);
  }
  static Result<Value> PlusTwo(Session& session, const Value& v, bool fails) {
    if (fails && v.get() % kFailsAt == 0) return Internal("#as it should#");
    auto reference = session.Submit([](const Value& x) { return Value(x.get() + 2); }, v);
    if (v.get() % 3 == 0) return Value(v.get() + 2);  // nobody waits for the task
    return session.Get(reference);
  }
  void Add(DagNode<Value> node, Form sum) {
    nodes_.push_back(std::move(node));
    sums_.push_back(sum);
  }

  std::vector<DagNode<Value>> nodes_;
  std::vector<Form> sums_;
};

/// One thread that executes.
void ExecuteMany(Session& session, const RandomDag& dag, CompiledDag<std::tuple<Value, Value>(Value)>& compiled,
                 size_t other, Dice dice, std::atomic<uint64_t>* numbers, bool in_order, bool actors_die) {
  struct UnderWay {
    uint64_t number;
    CompiledDagRef<std::tuple<Value, Value>> reference;
  };
  std::deque<UnderWay> under_way;
  auto take = [&] {
    const size_t at = dice.Pick(under_way.size());
    std::swap(under_way[at], under_way.back());
    UnderWay taken = std::move(under_way.back());
    under_way.pop_back();
    if (dice.OneIn(10)) return;  // not wanted
    auto result = session.Get(taken.reference, dice.OneIn(8) ? Duration(1000) : Duration::max());
    if (!result.ok() && HasKind(result.status(), ErrorKind::kGetTimeout)) result = session.Get(taken.reference);
    if (!result.ok()) {
      if (HasKind(result.status(), ErrorKind::kCapacityExceeded)) return;
      const Result<Value> failed(result.status());
      // One of the two.
      if (actors_die) return;
      EXPECT_EQ(taken.number % kFailsAt, 0U) << result.status().ToString();
      return;
    }
    dag.Check(std::get<0>(*result), taken.number, dag.last_index(), actors_die);
    dag.Check(std::get<1>(*result), taken.number, dag.any_index(other), actors_die);
  };
  const size_t most = 1 + dice.Pick(8);
  for (int i = 0; i < 60; ++i) {
    while (under_way.size() >= most) take();
    const uint64_t number = in_order ? numbers->fetch_add(1) : 1 + dice.Pick(1000);
    under_way.push_back({number, compiled.Execute(Value(number))});
  }
  while (!under_way.empty()) take();
}

class StressDagTest : public StressTest {};
INSTANTIATE_TEST_SUITE_P(Cpus, StressDagTest, ::testing::Values(1, 2, 8), ::testing::PrintToStringParamName());

TEST_P(StressDagTest, ManyExecuteTheSame) {
  RepeatFor(StressTime(), [&](uint64_t seed) {
    Dice dice(seed);
    std::vector<Actor> actors(dice.Pick(4));
    {
      Session session({.cpus = GetParam()});
      for (Actor& actor : actors) {
        actor.handle = session.CreateActor<Player>(ActorOptions{.max_restarts = -1}, actor.record);
      }
      const RandomDag dag(session, dice, actors);
      const size_t other = dice.Pick(100);
      const bool actors_die = !actors.empty() && dice.OneIn(3);
      auto compiled = session.Compile<std::tuple<Value, Value>(Value)>(MultiOutputNode(dag.last(), dag.any(other)),
                                                                       {.max_inflight_executions = 1 + dice.Pick(12)});
      // It may be that nothing depends on the number: then there is nothing to be compiled for it.
      ASSERT_TRUE(compiled.ok()) << compiled.status().ToString();
      // Alone, a thread knows in which order it executes.
      const size_t threads = dice.OneIn(2) ? 1 : 3;
      std::atomic<uint64_t> numbers{1};
      std::vector<std::jthread> crowd;
      for (size_t i = 0; i < threads; ++i) {
        crowd.emplace_back([&, thread_dice = Dice(dice.Seed())] {
          ExecuteMany(session, dag, *compiled, other, thread_dice, &numbers, threads == 1, actors_die);
        });
      }
      std::vector<ObjectRef<Value>> executed;
      std::vector<uint64_t> given;
      for (int i = 0; i < 20; ++i) {
        for (Actor& actor : actors) {
          if (dice.OneIn(3)) actor.handle.Call(&Player::Other);
          if (actors_die && dice.OneIn(10)) actor.handle.Kill(dice.OneIn(3));
        }
        // As tasks, the same actors see other numbers.
        if (actors.empty()) {
          given.push_back(1 + dice.Pick(1000));
          executed.push_back(session.Execute(dag.last(), Value(given.back())));
        }
        Work(100);
      }
      if (dice.OneIn(6)) {
        crowd.clear();
      } else if (dice.OneIn(6)) {
        crowd.clear();
        std::ignore = compiled->Execute(Value(1));
        compiled->Teardown();
      }
      for (size_t i = 0; i < executed.size(); ++i) {
        dag.Check(session.Get(executed[i]), given[i], dag.last_index(), false);
      }
      crowd.clear();
      for (const Actor& actor : actors) {
        EXPECT_FALSE(actor.record->too_many);
        if (threads == 1) {
          EXPECT_FALSE(actor.record->out_of_order);
        }
      }
      for (Actor& actor : actors) actor.handle = {};
    }
    EXPECT_TRUE(Eventually([] { return Value::live == 0; })) << Value::live;
  });
}

/// Torn down, destroyed or left behind by the session at any moment.
TEST_P(StressDagTest, EndsAtAnyTime) {
  RepeatFor(StressTime(), [&](uint64_t seed) {
    Dice dice(seed);
    {
      std::vector<Actor> actors(1 + dice.Pick(2));
      std::optional<CompiledDag<Value(Value)>> left_behind;
      std::vector<CompiledDagRef<Value>> references;
      {
        Session session({.cpus = GetParam()});
        for (Actor& actor : actors) actor.handle = session.CreateActor<Player>(actor.record);
        const RandomDag dag(session, dice, actors);
        auto compiled = session.Compile<Value(Value)>(dag.last(), {.max_inflight_executions = 8});
        ASSERT_TRUE(compiled.ok()) << compiled.status().ToString();
        for (uint64_t i = 1; i <= dice.Pick(8); ++i) {
          references.push_back(compiled->Execute(Value(i)));
          if (dice.OneIn(3)) references.pop_back();
        }
        if (dice.OneIn(4)) actors[0].handle.Kill();
        if (dice.OneIn(3)) {
          std::jthread other([&] { compiled->Teardown(); });
          std::ignore = compiled->Execute(Value(1));
          if (!references.empty()) std::ignore = session.Get(references[0]);
        } else if (dice.OneIn(2)) {
          left_behind.emplace(*std::move(compiled));
        }
        if (dice.OneIn(2)) actors.clear();
      }
      for (auto& reference : references) {
        const auto result = reference.Get(Duration(0));
        EXPECT_FALSE(HasKind(result.status(), ErrorKind::kGetTimeout));
      }
      for (const Actor& actor : actors) EXPECT_FALSE(actor.record->too_many);
    }
    EXPECT_TRUE(Eventually([] { return Value::live == 0; })) << Value::live;
  });
}

}  // namespace
}  // namespace triune::compute
