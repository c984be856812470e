// DAGs as tasks: Bind and Execute.
#include "triune/core/dag.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "triune/core.h"

namespace triune {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

int Double(int x) { return 2 * x; }
int Add(int a, int b) { return a + b; }
std::string Join(const std::string& a, std::string b) { return a + b; }  // NOLINT(performance-unnecessary-value-param)
Result<int> Half(int x) {
  if (x % 2 != 0) return InvalidArgument("x is odd");
  return x / 2;
}
Status Check(int x) { return x > 0 ? Status() : FailedPrecondition("x is not positive"); }
size_t Length(const std::string& text) noexcept { return text.size(); }

class Counter {
 public:
  explicit Counter(int start) : value_(start) {}
  int Add(int by) { return value_ += by; }
  int Value() const { return value_; }
  void Note(int x) { noted_.push_back(x); }
  std::vector<int> Noted() const noexcept { return noted_; }

 private:
  int value_;
  std::vector<int> noted_;
};

class DagTest : public ::testing::TestWithParam<int> {
 protected:
  Session session_{{.cpus = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Cpus, DagTest, ::testing::Values(1, 2, 8), ::testing::PrintToStringParamName());

TEST_P(DagTest, NodesStandForTheirValues) {
  InputNode<int> input;
  auto doubled = Bind(Double, input);
  auto sum = Bind(Add, doubled, 3);
  ObjectRef<int> result = session_.Execute(sum, 7);
  EXPECT_EQ(*session_.Get(result), 17);
  EXPECT_EQ(*session_.Get(session_.Execute(sum, 8)), 19) << "again";
  EXPECT_EQ(*session_.Get(session_.Execute(doubled, 8)), 16) << "a part of it";
  EXPECT_EQ(*session_.Get(session_.Execute(input, 8)), 8) << "an input alone";
}

TEST_P(DagTest, ArgumentsMayBeValuesObjectsAndNodes) {
  auto three = session_.Put(3);
  auto six = session_.Submit(Double, three);
  InputNode<std::string> text;
  auto joined = Bind(Join, "a", text);
  auto node = Bind([](const std::string& s, int x, int y) { return s + std::to_string(x + y); }, joined, six,
                   Bind(Add, three, 1));
  EXPECT_EQ(*session_.Get(session_.Execute(node, "b")), "ab10");
  EXPECT_EQ(*session_.Get(session_.Execute(Bind(Length, node), std::string("bcd"))), 6U);
}

TEST_P(DagTest, InputsMayBeObjects) {
  InputNode<int> input;
  auto late = session_.Submit([] {
    std::this_thread::sleep_for(milliseconds(2));
    return 5;
  });
  EXPECT_EQ(*session_.Get(session_.Execute(Bind(Double, input), late)), 10);
}

TEST_P(DagTest, ThereMayBeSeveralInputs) {
  InputNode<int> number;
  InputNode<std::string> text(1);
  auto node = Bind([](int n, const std::string& s) { return s + std::to_string(n); }, number, text);
  EXPECT_EQ(*session_.Get(session_.Execute(node, 1, "x")), "x1");
  // Another node of the same number is the same input.
  auto twice = Bind(Add, number, InputNode<int>());
  EXPECT_EQ(*session_.Get(session_.Execute(twice, 4)), 8);
}

TEST_P(DagTest, WrongInputsAreErrors) {
  InputNode<int> input;
  auto node = Bind(Double, input);
  EXPECT_EQ(session_.Get(session_.Execute(node, 1.5)).status().ToString(),
            "INVALID_ARGUMENT: input 0 of the DAG is of another type: wanted int, given double");
  EXPECT_EQ(session_.Get(session_.Execute(node)).status().ToString(),
            "INVALID_ARGUMENT: the DAG has more inputs than are given: uses input 0, given 0");
  EXPECT_EQ(session_.Get(session_.Execute(node, 1, 2)).status().ToString(),
            "INVALID_ARGUMENT: the DAG does not use all inputs that are given: input 1");
}

TEST_P(DagTest, ANodeThatSeveralNeedRunsOnce) {
  std::atomic<int> runs{0};
  InputNode<int> input;
  auto shared = Bind([&](int x) { return ++runs, x + 1; }, input);
  auto left = Bind(Double, shared);
  auto right = Bind(Add, shared, 10);
  EXPECT_EQ(*session_.Get(session_.Execute(Bind(Add, left, right), 4)), 25);
  EXPECT_EQ(runs, 1);
}

TEST_P(DagTest, SeveralOutputs) {
  InputNode<int> input;
  auto doubled = Bind(Double, input);
  MultiOutputNode both(doubled, Bind(Check, doubled), input, doubled);
  std::tuple<ObjectRef<int>, ObjectRef<void>, ObjectRef<int>, ObjectRef<int>> results = session_.Execute(both, 4);
  EXPECT_EQ(*session_.Get(std::get<0>(results)), 8);
  EXPECT_TRUE(session_.Get(std::get<1>(results)).ok());
  EXPECT_EQ(*session_.Get(std::get<2>(results)), 4);
  EXPECT_EQ(*session_.Get(std::get<3>(results)), 8);
}

TEST_P(DagTest, MethodsOfActorsAreCalledInTheOrderInWhichTheyWereBound) {
  auto counter = session_.CreateActor<Counter>(100);
  InputNode<int> input;
  auto doubled = Bind(Double, input);
  auto first = counter.Bind(&Counter::Note, 1);
  auto second = counter.Bind(&Counter::Note, doubled);
  auto third = counter.Bind(&Counter::Noted);
  auto counted = counter.Bind(&Counter::Add, doubled);
  // Named in another order.
  auto [sum, noted, b, a] = session_.Execute(MultiOutputNode(counted, third, second, first), 7);
  EXPECT_EQ(*session_.Get(sum), 114);
  EXPECT_THAT(*session_.Get(noted), ElementsAre(1, 14));
  EXPECT_EQ(*session_.Get(counter.Call(&Counter::Value)), 114);
}

TEST_P(DagTest, AnErrorIsThatOfAllThatNeedIt) {
  InputNode<int> input;
  auto half = Bind(Half, input);
  auto other = Bind(Double, input);
  auto [failed, works] = session_.Execute(MultiOutputNode(Bind(Add, half, other), other), 3);
  EXPECT_EQ(session_.Get(failed).status().ToString(), "INVALID_ARGUMENT: x is odd");
  EXPECT_EQ(*session_.Get(works), 6);
}

TEST_P(DagTest, NodesHaveOptions) {
  std::atomic<int> runs{0};
  InputNode<int> input;
  auto node = With({.name = "moody", .retries = 2})
                  .Bind(
                      [&](int x) {
                        if (++runs % 3 != 0) throw std::runtime_error("not now");
                        return x;
                      },
                      input);
  EXPECT_EQ(*session_.Get(session_.Execute(node, 6)), 6);
  EXPECT_EQ(runs, 3);
  auto named = With({.name = "unlucky"}).Bind([](int) -> int { throw std::runtime_error("no luck"); }, input);
  EXPECT_THAT(session_.Get(session_.Execute(named, 1)).status().ToString(), HasSubstr("task 'unlucky' threw"));
  auto counter = session_.CreateActor<Counter>(1);
  auto call = counter.With({.name = "count"}).Bind(&Counter::Add, Bind(Half, input));
  EXPECT_EQ(*session_.Get(session_.Execute(call, 8)), 5);
  auto late = With({.timeout = milliseconds(1)})
                  .Bind(
                      [](int) {
                        while (!RuntimeContext::cancelled()) std::this_thread::yield();
                      },
                      input);
  EXPECT_EQ(TaskError::Of(session_.Get(session_.Execute(late, 1)))->kind, ErrorKind::kDeadlineExceeded);
  auto greedy = With({.cpus = 1000}).Bind(Double, input);
  EXPECT_EQ(TaskError::Of(session_.Get(session_.Execute(greedy, 1)).status())->kind, ErrorKind::kUnschedulable);
}

TEST_P(DagTest, AnExecutionIsCancelledByItsReference) {
  InputNode<int> input;
  std::atomic<bool> started{false};
  auto endless = Bind(
      [&](int) {
        started = true;
        while (!RuntimeContext::cancelled()) std::this_thread::yield();
        throw std::runtime_error("stopped");
      },
      input);
  auto reference = session_.Execute(endless, 1);
  while (!started) std::this_thread::yield();
  EXPECT_TRUE(session_.Cancel(reference));
  EXPECT_EQ(TaskError::Of(session_.Get(reference))->kind, ErrorKind::kTaskCancelled);
}

TEST_P(DagTest, AFunctionMayWantTheReferenceItself) {
  auto object = session_.Put(4);
  InputNode<int> input;
  auto node = Bind([](const ObjectRef<int>& reference, int x) { return reference.ready() ? x : 0; },
                   session_.Put(object), input);
  EXPECT_EQ(*session_.Get(session_.Execute(node, 2)), 2);
}

TEST_P(DagTest, ANodeKeepsItsActor) {
  InputNode<int> input;
  auto node = session_.CreateActor<Counter>(1).Bind(&Counter::Add, input);
  EXPECT_EQ(*session_.Get(session_.Execute(node, 2)), 3);
  EXPECT_EQ(*session_.Get(session_.Execute(node, 2)), 5);
}

TEST(DagNodeTest, LongChainsAreNoProblem) {
  Session session({.cpus = 2});
  InputNode<int> input;
  auto node = Bind(Add, input, 1);
  for (int i = 1; i < 100000; ++i) node = Bind(Add, node, 1);
  EXPECT_EQ(*session.Get(session.Execute(node, 0)), 100000);
}

TEST(DagNodeTest, NodesMayOutliveTheSession) {
  auto made = [] {
    Session session({.cpus = 1});
    auto node = session.CreateActor<Counter>(1).Bind(&Counter::Add, InputNode<int>());
    EXPECT_TRUE(session.Get(session.Execute(node, 1)).ok());
    return node;
  }();
}

}  // namespace
}  // namespace triune
