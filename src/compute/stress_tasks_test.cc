// Random graphs of tasks against plain arithmetic, undisturbed and with cancels and timeouts.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "compute/testing/stress.h"
#include "triune/core.h"

namespace triune::compute {
namespace {

using std::chrono::microseconds;

/// How a task comes to its result.
enum class Way { kPut, kLambda, kFunction, kGet, kNested, kChain, kWays };

struct Node {
  Way way = Way::kPut;
  std::array<size_t, 2> needs{};
  bool returns_error = false;
  bool throws = false;
  int failures = 0;  ///< So often it fails before it does not.
  int retries = 0;
  size_t work = 0;
  bool may_time_out = false;
  // What must come out: a number, or the error of this node.
  uint64_t number = 0;
  std::optional<size_t> error;
  std::atomic<int> runs{0};
};

/// Which node's error it is; the innermost, if one was caused by another.
std::string Mark(size_t node) { return "#" + std::to_string(node) + "#"; }

uint64_t Mix(uint64_t a, uint64_t b) { return a * 31 + b * 17 + 1; }

/// A graph, its expected results, and the tasks.
class Graph {
 public:
  Graph(size_t size, uint64_t seed, bool disturbed) : nodes_(size), references_(size) {
    Dice dice(seed);
    for (size_t i = 0; i < size; ++i) {
      Node& node = nodes_[i];
      const size_t near = std::min<size_t>(i, 64);
      node.way = i < 4 ? Way::kPut : static_cast<Way>(dice.Pick(static_cast<size_t>(Way::kWays)));
      if (i >= 4) node.needs = {i - 1 - dice.Pick(near), i - 1 - dice.Pick(near)};
      node.work = dice.OneIn(8) ? dice.Pick(1000) : 0;
      if (node.way == Way::kPut) {
        node.number = i;
        continue;
      }
      node.returns_error = dice.OneIn(300);
      node.throws = dice.OneIn(300);
      if (dice.OneIn(10)) {
        node.failures = static_cast<int>(dice.Pick(3));
        node.retries = node.failures + static_cast<int>(dice.Pick(2));
      }
      node.may_time_out = disturbed && dice.OneIn(10);
      Expect(i);
    }
  }

  void Submit(Session& session, size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) Publish(i, SubmitOne(session, i));
  }
  size_t size() const { return nodes_.size(); }
  /// Empty when it is not there yet.
  ObjectRef<Value> At(size_t i) {
    std::lock_guard lock(mutex_);
    return references_[i];
  }
  void Check(Session& session, bool disturbed) {
    for (size_t i = 0; i < size(); ++i) {
      Result<Value> got = session.Get(At(i), kHangGuard);
      ASSERT_TRUE(At(i).ready()) << "node " << i << " hangs";
      const Node& node = nodes_[i];
      // Who waited with a time limit may be through, and the function still run.
      EXPECT_LE(node.runs, node.retries + 1) << "node " << i;
      if (got.ok()) {
        ASSERT_FALSE(node.error.has_value()) << "node " << i;
        ASSERT_EQ(got->get(), node.number) << "node " << i;
      } else if (disturbed && (HasKind(got.status(), ErrorKind::kTaskCancelled) ||
                               HasKind(got.status(), ErrorKind::kDeadlineExceeded))) {
      } else {
        ASSERT_TRUE(node.error.has_value()) << "node " << i << ": " << Describe(got.status());
        const bool is_expected = disturbed ? got.status().message().find('#') != std::string_view::npos
                                           : got.status().message().find(Mark(*node.error)) != std::string_view::npos;
        ASSERT_TRUE(is_expected) << "node " << i << ": wanted " << Mark(*node.error) << ", is "
                                 << Describe(got.status());
        ASSERT_EQ(TaskError::Of(got.status())->kind, ErrorKind::kTaskFailed);
      }
      if (!disturbed) {
        const bool begins = got.ok() || node.error == i || node.way == Way::kGet || node.way == Way::kChain;
        ASSERT_LE(node.runs > 0 || node.way == Way::kPut, begins || node.way == Way::kNested);
      }
    }
  }

 private:
  void Expect(size_t i) {
    Node& node = nodes_[i];
    const Node& a = nodes_[node.needs[0]];
    const Node& b = nodes_[node.needs[1]];
    node.error = a.error ? a.error : b.error;
    if (!node.error && (node.returns_error || node.throws)) node.error = i;
    node.number = Mix(a.number, b.number);
  }
  void Publish(size_t i, ObjectRef<Value> reference) {
    std::lock_guard lock(mutex_);
    references_[i] = std::move(reference);
  }

  static Result<Value> Compute(Node* node, size_t i, const Value& a, const Value& b) {
    const int attempt = node->runs++;
    Work(node->work);
    if (node->throws) throw std::runtime_error(Mark(i));
    if (node->returns_error) return Internal(Mark(i));
    if (attempt < node->failures) throw std::logic_error("again");
    return Value(Mix(a.get(), b.get()));
  }
  /// Waits for what it needs itself, in this order.
  static Result<Value> ComputeFrom(Session* session, Node* node, size_t i, const ObjectRef<Value>& a,
                                   const ObjectRef<Value>& b) {
    Result<Value> x = session->Get(a);
    if (!x.ok()) return std::move(x).status();
    Result<Value> y = session->Get(b, kHangGuard);
    if (!y.ok()) return std::move(y).status();
    return Compute(node, i, *x, *y);
  }

  ObjectRef<Value> SubmitOne(Session& session, size_t i) {
    Node& node = nodes_[i];
    TaskOptions options{.name = node.throws ? "thrower" : "", .retries = node.retries};
    if (node.retries > 0) {
      // What comes from another node does not get better.
      options.retry_on = [](const Status& status) { return status.message().find("again") != std::string_view::npos; };
    }
    if (node.may_time_out) options.timeout = microseconds(i % 16 * 200);
    auto with = session.With(std::move(options));
    const ObjectRef<Value> a = node.way == Way::kPut ? ObjectRef<Value>() : At(node.needs[0]);
    const ObjectRef<Value> b = node.way == Way::kPut ? ObjectRef<Value>() : At(node.needs[1]);
    switch (node.way) {
      case Way::kPut:
        return session.Put(Value(node.number));
      case Way::kLambda:
        return with.Submit([&node, i](const Value& x, const Value& y) { return Compute(&node, i, x, y); }, a, b);
      case Way::kFunction:
        return with.Submit(Compute, &node, i, a, b);
      case Way::kGet:
        return with.Submit(ComputeFrom, &session, &node, i, a, b);
      case Way::kNested:
        // A task in a task; the outer one only fails with the inner one.
        return session.Submit(
            [&session, &node, i, with](const Value& x, const Value& y) mutable {
              return session.Get(with.Submit(Compute, &node, i, x, y));
            },
            a, b);
      default:
        // Several that depend on each other, some of which nobody asks for.
        return session.Submit([&session, &node, i, with, a, b]() mutable {
          auto first = session.Submit([](const Value& x) { return x; }, a);
          auto second = session.Submit([](const Value& x, const Value&) { return x; }, b, first);
          session.Submit([](const Value& x) { return x.get(); }, second);
          return session.Get(with.Submit(Compute, &node, i, first, second));
        });
    }
  }

  std::vector<Node> nodes_;
  std::mutex mutex_;
  std::vector<ObjectRef<Value>> references_;
};

class TaskStressTest : public StressTest {};
INSTANTIATE_TEST_SUITE_P(Cpus, TaskStressTest, ::testing::Values(1, 2, 8), ::testing::PrintToStringParamName());

TEST_P(TaskStressTest, RandomGraphs) {
  RepeatFor(StressTime(), [&](uint64_t seed) {
    {
      // Two threads submit one graph each.
      Graph first(1500, seed, false);
      Graph second(500, seed + 1000000, false);
      Session session({.cpus = GetParam()});
      std::thread other([&] {
        second.Submit(session, 0, second.size());
        second.Check(session, false);
      });
      first.Submit(session, 0, first.size());
      first.Check(session, false);
      other.join();
    }
    EXPECT_EQ(Value::live, 0);
  });
}

TEST_P(TaskStressTest, RandomGraphsWithCancelsAndTimeouts) {
  RepeatFor(StressTime(), [&](uint64_t seed) {
    {
      Graph graph(1500, seed, true);
      Session session({.cpus = GetParam()});
      std::atomic<size_t> submitted{0};
      std::atomic<bool> over{false};
      std::vector<std::thread> cancellers;
      for (uint64_t thread = 0; thread < 2; ++thread) {
        cancellers.emplace_back([&, thread] {
          Dice dice(seed * 10 + thread);
          while (!over) {
            Work(dice.Pick(3000));
            const size_t there = submitted;
            if (there == 0) continue;
            // Mostly what has just been submitted.
            const size_t i = dice.OneIn(4) ? dice.Pick(there) : there - 1 - dice.Pick(std::min<size_t>(there, 30));
            session.Cancel(graph.At(i), {.recursive = dice.OneIn(2), .force = dice.OneIn(2)});
          }
        });
      }
      for (size_t i = 0; i < graph.size(); i += 10) {
        graph.Submit(session, i, i + 10);
        submitted = i + 10;
      }
      graph.Check(session, true);
      over = true;
      for (auto& thread : cancellers) thread.join();
    }
    EXPECT_EQ(Value::live, 0);
  });
}

/// What is cancelled is let go of, also while the session goes on.
TEST_P(TaskStressTest, NothingIsKept) {
  Session session({.cpus = GetParam()});
  RepeatFor(StressTime(), [&](uint64_t seed) {
    Dice dice(seed);
    {
      std::vector<ObjectRef<Value>> all{session.Put(Value(1))};
      for (int i = 0; i < 500; ++i) {
        TaskOptions options;
        if (dice.OneIn(4)) options.timeout = microseconds(dice.Pick(500));
        all.push_back(session.With(options).Submit(
            [n = dice.Pick(300)](const Value& x, const Value& y) {
              Work(n);
              return Value(x.get() + y.get());
            },
            all[dice.Pick(all.size())], Value(2)));
        if (dice.OneIn(3)) session.Cancel(all[dice.Pick(all.size())], {.force = dice.OneIn(2)});
        if (dice.OneIn(20)) std::ignore = session.Get(all[dice.Pick(all.size())]);
      }
    }
    EXPECT_TRUE(Eventually([] { return Value::live == 0; })) << Value::live << " are left";
  });
}

/// Families are cancelled while they grow.
TEST_P(TaskStressTest, Families) {
  RepeatFor(StressTime(), [&](uint64_t seed) {
    {
      Session session({.cpus = GetParam()});
      struct Family {
        Session& session;
        Value Grow(uint64_t own_seed, int depth) {
          Dice dice(own_seed);
          std::vector<ObjectRef<Value>> children;
          uint64_t sum = 1;
          for (size_t i = 0; depth > 0 && i < 4; ++i) {
            TaskOptions options;
            if (dice.OneIn(6)) options.timeout = microseconds(dice.Pick(300));
            children.push_back(session.With(options).Submit(
                [this, child_seed = dice.Seed(), depth] { return Grow(child_seed, depth - 1); }));
            if (dice.OneIn(12)) session.Cancel(children[dice.Pick(children.size())], {.force = dice.OneIn(2)});
          }
          for (auto& child : children) {
            if (dice.OneIn(4)) continue;
            Result<Value> value = dice.OneIn(2) ? session.Get(child) : session.Get(child, kHangGuard);
            if (value.ok()) sum += value->get();
          }
          return Value(sum);
        }
      } family{session};
      Dice dice(seed);
      std::vector<ObjectRef<Value>> roots;
      for (int i = 0; i < 10; ++i) {
        roots.push_back(session.Submit([&family, root_seed = dice.Seed()] { return family.Grow(root_seed, 3); }));
      }
      for (auto& root : roots) {
        Work(dice.Pick(10000));
        session.Cancel(root, {.recursive = !dice.OneIn(4), .force = dice.OneIn(2)});
      }
      for (auto& root : roots) {
        std::ignore = session.Get(root, kHangGuard);
        ASSERT_TRUE(root.ready());
      }
    }
    EXPECT_EQ(Value::live, 0);
  });
}

}  // namespace
}  // namespace triune::compute
