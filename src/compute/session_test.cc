#include "triune/core/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace triune {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using ::testing::ElementsAre;

int Square(int x) { return x * x; }
int Add(int a, int b) { return a + b; }
std::string Join(const std::string& a, std::string b) { return a + b; }  // NOLINT(performance-unnecessary-value-param)
void Nothing() {}
Result<int> Half(int x) {
  if (x % 2 != 0) return InvalidArgument("x is odd");
  return x / 2;
}
Status Check(bool good) { return good ? Status() : FailedPrecondition("not good"); }
int Throw() { throw std::runtime_error("no luck"); }

class SessionTest : public ::testing::TestWithParam<int> {
 protected:
  Session session_{{.cpus = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Cpus, SessionTest, ::testing::Values(1, 2, 8), ::testing::PrintToStringParamName());

TEST_P(SessionTest, GivesTheResult) {
  ObjectRef<int> nine = session_.Submit(Square, 3);
  Result<int> got = session_.Get(nine);
  ASSERT_TRUE(got.ok()) << got.status().ToString();
  EXPECT_EQ(*got, 9);
  EXPECT_EQ(*session_.Get(nine), 9) << "again";
  EXPECT_TRUE(session_.Get(session_.Submit(Nothing)).ok());
}

TEST_P(SessionTest, ReferencesStandForValues) {
  auto a = session_.Submit(Square, 3);
  auto b = session_.Put(4);
  auto sum = session_.Submit(Add, a, session_.Submit(Square, b));
  EXPECT_EQ(*session_.Get(session_.Submit(Add, sum, 1000)), 1025);
  EXPECT_EQ(*session_.Get(session_.Submit(Join, session_.Put(std::string("a")), "b")), "ab");
  EXPECT_EQ(*session_.Get(session_.Submit([](int x, const std::string& s) { return s + std::to_string(x); }, a,
                                          std::string("n"))),
            "n9");
}

TEST_P(SessionTest, ErrorsReachWhoeverAsks) {
  EXPECT_EQ(*session_.Get(session_.Submit(Half, 8)), 4);
  EXPECT_EQ(session_.Get(session_.Submit(Half, 7)).status().ToString(), "INVALID_ARGUMENT: x is odd");
  EXPECT_TRUE(session_.Get(session_.Submit(Check, true)).ok());
  EXPECT_EQ(session_.Get(session_.Submit(Check, false)).code(), StatusCode::kFailedPrecondition);
  Status thrown = session_.Get(session_.With({.name = "dice"}).Submit(Throw)).status();
  EXPECT_EQ(thrown.ToString(), "UNKNOWN: task 'dice' threw std::runtime_error: no luck");
  // A task cannot run without its arguments.
  auto odd = session_.Submit(Half, 7);
  EXPECT_EQ(session_.Get(session_.Submit(Square, session_.Submit(Add, odd, 1))).status().ToString(),
            "INVALID_ARGUMENT: x is odd");
}

TEST_P(SessionTest, TriesAgain) {
  std::atomic<int> calls{0};
  auto third_time_lucky = [&](const std::string& text) {
    if (++calls < 3) throw std::runtime_error("no luck");
    return text;
  };
  EXPECT_EQ(*session_.Get(session_.With({.retries = 2}).Submit(third_time_lucky, std::string(100, 'x'))),
            std::string(100, 'x'));
  EXPECT_EQ(calls, 3);
  calls = 0;
  EXPECT_FALSE(session_.Get(session_.With({.retries = 1}).Submit(third_time_lucky, std::string("x"))).ok());
  EXPECT_EQ(calls, 2);
}

TEST_P(SessionTest, MovesArgumentsThatCannotBeCopied) {
  EXPECT_EQ(
      *session_.Get(session_.Submit([](const std::unique_ptr<int>& x) { return *x + 1; }, std::make_unique<int>(4))),
      5);
}

int Fibonacci(Session* session, int n) {
  if (n < 2) return n;
  auto a = session->Submit(Fibonacci, session, n - 1);
  auto b = session->Submit(Fibonacci, session, n - 2);
  return *session->Get(b) + *session->Get(a);
}

TEST_P(SessionTest, TasksWaitForTasks) { EXPECT_EQ(Fibonacci(&session_, 16), 987); }

/// Fifty tasks wait at the same time, for one that can't begin yet: many more than there are threads to begin with.
TEST_P(SessionTest, ABlockedTaskGivesItsPlaceToAnother) {
  constexpr int kWaiting = 50;
  std::latch all_wait(kWaiting), release(1);
  Session other({.cpus = 1});
  auto three = other.Submit([&] {
    release.wait();
    return 3;
  });
  auto nine = session_.Submit(Square, three);
  std::vector<ObjectRef<int>> waiting;
  for (int i = 0; i < kWaiting; ++i) {
    waiting.push_back(session_.Submit(
        [this, &all_wait](const ObjectRef<int>& wanted) {
          all_wait.count_down();
          return *session_.Get(wanted);
        },
        session_.Put(nine)));
  }
  all_wait.wait();
  release.count_down();
  for (auto& one : waiting) EXPECT_EQ(*session_.Get(one), 9);
}

TEST_P(SessionTest, RunsWhatNobodyAsksFor) {
  std::latch ran(100);
  for (int i = 0; i < 100; ++i) session_.Submit([&] { ran.count_down(); });
  ran.wait();
}

TEST_P(SessionTest, GetGivesUpInTime) {
  std::latch release(1);
  auto held = session_.Submit([&] {
    release.wait();
    return 1;
  });
  EXPECT_EQ(session_.Get(held, milliseconds(5)).status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_FALSE(held.ready());
  release.count_down();
  EXPECT_EQ(*session_.Get(held, hours(1)), 1);
}

TEST_P(SessionTest, WaitsForSome) {
  std::latch release(1);
  std::vector<ObjectRef<int>> references;
  references.push_back(session_.Submit([&] {
    release.wait();
    return 0;
  }));
  for (int i = 1; i < 4; ++i) references.push_back(session_.Put(i));
  auto wait = [&](size_t count, Duration timeout) {
    Result<WaitResult> result = session_.Wait(references, count, timeout);
    EXPECT_TRUE(result.ok()) << result.status().ToString();
    EXPECT_EQ(result->ready.size() + result->remaining.size(), references.size());
    return std::move(result)->ready;
  };
  EXPECT_THAT(wait(3, hours(1)), ElementsAre(1, 2, 3));
  EXPECT_THAT(wait(4, milliseconds(5)), ElementsAre(1, 2, 3));
  release.count_down();
  EXPECT_THAT(wait(4, hours(1)), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(wait(9, hours(1)), ElementsAre(0, 1, 2, 3)) << "more than there are";
}

TEST_P(SessionTest, CancelsWhatHasNotBegun) {
  std::latch release(1);
  std::vector<ObjectRef<int>> running;
  for (int i = 0; i < GetParam(); ++i) {
    running.push_back(session_.Submit([&] {
      release.wait();
      return 1;
    }));
  }
  std::atomic<bool> ran{false};
  auto waiting = session_.Submit([&](int) { ran = true; }, running[0]);
  auto after = session_.Submit(Nothing);
  EXPECT_TRUE(session_.Cancel(waiting));
  EXPECT_FALSE(session_.Cancel(waiting)) << "it is over";
  EXPECT_EQ(session_.Get(waiting).code(), StatusCode::kCancelled);
  release.count_down();
  for (auto& one : running) EXPECT_EQ(*session_.Get(one), 1);
  EXPECT_TRUE(session_.Get(after).ok());
  EXPECT_FALSE(session_.Cancel(after));
  EXPECT_FALSE(ran);
}

/// Counts how many there are.
struct Counted {
  explicit Counted(std::atomic<int>& c) : count(&c) { ++*count; }
  Counted(const Counted& other) : count(other.count) { ++*count; }
  ~Counted() { --*count; }
  std::atomic<int>* count;
};

TEST_P(SessionTest, NothingOutlivesItsReferences) {
  std::atomic<int> count{0};
  {
    auto first = session_.Submit([&](const Counted& c) { return c; }, Counted(count));
    auto second = session_.Submit([](const Counted& c) { return c; }, first);
    EXPECT_TRUE(session_.Get(second).ok());
    EXPECT_GE(count, 2);
  }
  // The thread that ran a task lets go of it a moment later.
  while (count > 0) std::this_thread::yield();
}

TEST_P(SessionTest, TheEndWaitsForEverything) {
  std::atomic<int> done{0};
  {
    Session session({.cpus = GetParam()});
    for (int i = 0; i < 1000; ++i) {
      auto first = session.Submit([&] { ++done; });
      session.Submit([&](int) { ++done; }, session.Submit([] { return 1; }));
    }
  }
  EXPECT_EQ(done, 2000);
}

/// Random graphs: every task adds up some of the tasks before it, from several threads, checked against plain
/// arithmetic.
TEST_P(SessionTest, RandomGraphsGiveTheRightResults) {
  constexpr int kTasks = 3000;
  std::mt19937 random(static_cast<unsigned>(GetParam()));
  std::vector<uint64_t> expected;
  std::vector<ObjectRef<uint64_t>> references;
  for (int i = 0; i < kTasks; ++i) {
    auto pick = [&] {
      return std::uniform_int_distribution<size_t>(i < 50 ? 0 : references.size() - 50, references.size() - 1)(random);
    };
    if (i < 4) {
      expected.push_back(static_cast<uint64_t>(i));
      references.push_back(session_.Put(static_cast<uint64_t>(i)));
    } else if (i % 3 == 0) {
      size_t a = pick();
      expected.push_back(expected[a] * 31 + 1);
      // Asks for its argument inside the task.
      references.push_back(session_.Submit([this, x = references[a]] { return *session_.Get(x) * 31 + 1; }));
    } else {
      size_t a = pick(), b = pick();
      expected.push_back(expected[a] + expected[b]);
      references.push_back(session_.Submit([](uint64_t x, uint64_t y) { return x + y; }, references[a], references[b]));
    }
  }
  for (size_t i = 0; i < references.size(); ++i) ASSERT_EQ(*session_.Get(references[i]), expected[i]) << i;
}

}  // namespace
}  // namespace triune
