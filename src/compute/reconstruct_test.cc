// Results that were freed and are made again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "compute/local/local_engine.h"
#include "compute/process/worker_engine.h"
#include "compute/testing/stress.h"
#include "triune/core.h"
#include "triune/core/remote.h"

namespace triune::reconstruct_test {

/// Which time it is that this result is made.
int Attempt() { return RuntimeContext::attempt(); }
std::string Large(int size) { return std::string(static_cast<size_t>(size), static_cast<char>('a' + Attempt())); }
std::string Joined(const std::string& a, const std::string& b) { return a.substr(0, 1) + b.substr(0, 1); }
/// The same inside of a process.
std::string MakesAgainThere() {
  Session& session = *Session::Current();
  auto large = session.With({.retries = 1, .reconstruct = true}).Submit(Large, 50'000);
  auto joined = session.Submit(Joined, large, large);
  if (!session.Get(joined).ok() || !session.Free(large).ok() || session.Contains(large)) return "not freed";
  auto again = session.Get(session.Submit(Joined, large, large));
  if (!again.ok() || !session.Free(large).ok()) return "not made again";
  return *again + (compute::HasKind(session.Get(large).status(), ErrorKind::kObjectLost) ? ", then lost" : "");
}

}  // namespace triune::reconstruct_test

TRIUNE_REMOTE(triune::reconstruct_test::Attempt, triune::reconstruct_test::Large, triune::reconstruct_test::Joined,
              triune::reconstruct_test::MakesAgainThere);

namespace triune::reconstruct_test {
namespace {

using compute::Eventually;
using compute::HasKind;
using compute::Value;
using testing::HasSubstr;

class ReconstructTest : public ::testing::Test {
 protected:
  ~ReconstructTest() override {
    EXPECT_TRUE(Eventually([] { return Value::live == 0; }));
  }
  static TaskOptions Options(int retries = 1) { return {.retries = retries, .reconstruct = true}; }
  Session session_{{.cpus = 2}};
};

TEST_F(ReconstructTest, TheNextGetRunsTheTaskAgain) {
  std::atomic<int> runs{0};
  auto object = session_.With(Options()).Submit([&] { return Value(static_cast<uint64_t>(++runs)); });
  EXPECT_EQ(session_.Get(object)->get(), 1U);
  EXPECT_TRUE(session_.Free(object).ok());
  EXPECT_TRUE(Eventually([] { return Value::live == 0; }));
  EXPECT_FALSE(session_.Contains(object));
  EXPECT_FALSE(object.ready());
  EXPECT_TRUE(session_.Free(object).ok()) << "it is freed already";
  EXPECT_EQ(runs, 1) << "not before somebody wants it";
  EXPECT_EQ(session_.Get(object)->get(), 2U);
  EXPECT_EQ(session_.Get(object)->get(), 2U);
  EXPECT_TRUE(session_.Contains(object));
}

TEST_F(ReconstructTest, SoDoTasksThatNeedItAndWait) {
  auto object = session_.With(Options(2)).Submit(Attempt);
  auto next = session_.Submit([](int attempt) { return attempt; }, object);
  EXPECT_EQ(*session_.Get(next), 0);
  EXPECT_TRUE(session_.Free(object).ok());
  next = session_.Submit([](int attempt) { return attempt; }, object);
  EXPECT_EQ(*session_.Get(next), 1);
  EXPECT_TRUE(session_.Free(object).ok());
  const std::vector<ObjectRef<int>> both{next, object};
  EXPECT_EQ(session_.Wait(both, 2)->ready.size(), 2U);
  EXPECT_EQ(*session_.Get(object), 2);
  EXPECT_EQ(*session_.Get(object, std::chrono::seconds(60)), 2);
}

TEST_F(ReconstructTest, ArgumentsThatWereFreedAreMadeFirstAndOnce) {
  std::array<std::atomic<int>, 4> runs{};
  auto with = [&] { return session_.With(Options(5)); };
  auto a = with().Submit([&] { return Value(static_cast<uint64_t>(++runs[0])); });
  auto one = [&](int which) {
    return [&runs, which](const Value& value) {
      ++runs[static_cast<size_t>(which)];
      return Value(value.get() * 10);
    };
  };
  auto b = with().Submit(one(1), a);
  auto c = with().Submit(one(2), a);
  auto d = with().Submit(
      [&](const Value& left, const Value& right) {
        ++runs[3];
        return Value(left.get() + right.get());
      },
      b, c);
  EXPECT_EQ(session_.Get(d)->get(), 20U);
  for (int round = 2; round <= 4; ++round) {
    const std::vector<ObjectRef<Value>> all{a, b, c, d};
    EXPECT_TRUE(session_.Free<Value>(all).ok());
    EXPECT_TRUE(Eventually([] { return Value::live == 0; }));
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        auto got = session_.Get(d);
        EXPECT_TRUE(got.ok() && got->get() == 20U * static_cast<uint64_t>(round)) << Describe(got.status());
      });
    }
    for (auto& thread : threads) thread.join();
    for (auto& each : runs) EXPECT_EQ(each, round);
  }
  EXPECT_TRUE(session_.Free(d).ok());
  EXPECT_TRUE(session_.Get(d).ok());
  EXPECT_EQ(runs[3], 5);
  EXPECT_EQ(runs[1], 4) << "what is there is not made again";
}

TEST_F(ReconstructTest, LongChains) {
  constexpr int kLength = 20'000;
  std::vector<ObjectRef<int>> chain{session_.With(Options()).Submit(Attempt)};
  auto with = session_.With(Options());
  for (int i = 0; i < kLength; ++i) chain.push_back(with.Submit([](int before) { return before + 1; }, chain.back()));
  EXPECT_EQ(*session_.Get(chain.back()), kLength);
  EXPECT_TRUE(session_.Free<int>(chain).ok());
  EXPECT_EQ(*session_.Get(chain.back()), kLength + 1);
}

TEST_F(ReconstructTest, WithTheRetriesUsedItIsLost) {
  auto object = session_.With({.name = "again", .retries = 2, .reconstruct = true}).Submit(Attempt);
  for (int i = 0; i <= 2; ++i) {
    EXPECT_EQ(*session_.Get(object), i);
    EXPECT_TRUE(session_.Free(object).ok());
  }
  EXPECT_TRUE(object.ready());
  const Status status = session_.Get(object).status();
  EXPECT_TRUE(HasKind(status, ErrorKind::kObjectLost));
  EXPECT_THAT(status.ToString(), HasSubstr("the result of task 'again' was freed and can't be made again"));
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  auto next = session_.Submit([](int x) { return x; }, object);
  EXPECT_TRUE(HasKind(session_.Get(next).status(), ErrorKind::kObjectLost));
}

TEST_F(ReconstructTest, FailuresCountAmongTheRetries) {
  std::atomic<int> runs{0};
  auto object = session_.With(Options(2)).Submit([&]() -> Result<int> {
    if (++runs == 1) return Unavailable("not yet");
    return RuntimeContext::attempt();
  });
  EXPECT_EQ(*session_.Get(object), 1);
  EXPECT_TRUE(session_.Free(object).ok());
  EXPECT_EQ(*session_.Get(object), 2);
  EXPECT_TRUE(session_.Free(object).ok());
  EXPECT_TRUE(HasKind(session_.Get(object).status(), ErrorKind::kObjectLost));
  EXPECT_EQ(runs, 3);
}

TEST_F(ReconstructTest, OneThatFailsTheNextTimeIsAnError) {
  std::atomic<int> runs{0};
  auto object = session_.With(Options()).Submit([&]() -> Result<int> {
    if (++runs == 2) return Unavailable("no more");
    return 1;
  });
  EXPECT_TRUE(session_.Get(object).ok());
  EXPECT_TRUE(session_.Free(object).ok());
  EXPECT_EQ(session_.Get(object).status().code(), StatusCode::kUnavailable);
  EXPECT_TRUE(session_.Free(object).ok());
  EXPECT_EQ(session_.Get(object).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(runs, 2);
}

TEST_F(ReconstructTest, WhatWasPutCanNotBeMadeAgain) {
  auto put = session_.Put(Value(4));
  auto object = session_.With(Options(3)).Submit([](const Value& value) { return Value(value.get()); }, put);
  EXPECT_TRUE(session_.Get(object).ok());
  EXPECT_TRUE(session_.Free(object).ok());
  EXPECT_TRUE(session_.Get(object).ok()) << "as long as that is there";
  EXPECT_TRUE(session_.Free(object).ok());
  EXPECT_TRUE(session_.Free(put).ok());
  EXPECT_TRUE(Eventually([] { return Value::live == 0; })) << "a task that has run does not keep the value";
  const Status status = session_.Get(object).status();
  ASSERT_NE(TaskError::Of(status), nullptr);
  EXPECT_EQ(TaskError::Of(status)->kind, ErrorKind::kObjectLost);
  EXPECT_TRUE(HasKind(TaskError::Of(status)->cause, ErrorKind::kObjectFreed));
}

TEST_F(ReconstructTest, WhatIsStillUsedNeedNotBeMadeAgain) {
  std::atomic<int> runs{0};
  auto object = session_.With(Options()).Submit([&] { return Value(static_cast<uint64_t>(++runs)); });
  std::promise<void> begun;
  std::promise<void> go;
  auto uses = session_.Submit(
      [&](const Value& value) {
        begun.set_value();
        go.get_future().wait();
        return value.get();
      },
      object);
  begun.get_future().wait();
  EXPECT_TRUE(session_.Free(object).ok());
  EXPECT_FALSE(session_.Contains(object));
  EXPECT_EQ(session_.Get(object)->get(), 1U);
  EXPECT_TRUE(session_.Contains(object));
  EXPECT_TRUE(session_.Free(object).ok());
  go.set_value();
  EXPECT_EQ(*session_.Get(uses), 1U);
  EXPECT_TRUE(Eventually([] { return Value::live == 0; }));
  EXPECT_EQ(session_.Get(object)->get(), 2U);
}

TEST_F(ReconstructTest, CancelledWhileItIsMadeAgain) {
  std::promise<void> begun;
  auto object = session_.With(Options()).Submit([&]() -> Result<int> {
    if (RuntimeContext::attempt() == 0) return 1;
    begun.set_value();
    while (!RuntimeContext::cancelled()) std::this_thread::yield();
    return triune::Cancelled("stopped");
  });
  EXPECT_TRUE(session_.Get(object).ok());
  EXPECT_FALSE(session_.Cancel(object)) << "it is done";
  EXPECT_TRUE(session_.Free(object).ok());
  std::thread waits([&] { EXPECT_TRUE(HasKind(session_.Get(object).status(), ErrorKind::kTaskCancelled)); });
  begun.get_future().wait();
  EXPECT_TRUE(session_.Cancel(object));
  waits.join();
  EXPECT_TRUE(HasKind(session_.Get(object).status(), ErrorKind::kTaskCancelled));
}

class Method {
 public:
  int One() { return 1; }
};

TEST_F(ReconstructTest, WhatCanNotBe) {
  EXPECT_EQ(session_.Get(session_.With({.reconstruct = true}).Submit(Attempt)).status().code(),
            StatusCode::kInvalidArgument);
  auto moves = [](std::unique_ptr<int> number) { return *number; };
  const Status status = session_.Get(session_.With(Options()).Submit(moves, std::make_unique<int>(3))).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.ToString(), HasSubstr("can't be reconstructed"));
  auto actor = session_.CreateActor<Method>();
  EXPECT_EQ(session_.Get(actor.With(Options()).Call(&Method::One)).status().code(), StatusCode::kInvalidArgument);
  auto node = With(Options()).Bind(Attempt);
  EXPECT_EQ(session_.Compile<int()>(node).status().code(), StatusCode::kInvalidArgument);
}

TEST_F(ReconstructTest, WithResourcesAndBehindOthers) {
  auto object = session_.With({.cpus = 2, .retries = 3, .reconstruct = true}).Submit(Attempt);
  EXPECT_EQ(*session_.Get(object), 0);
  for (int i = 1; i <= 3; ++i) {
    EXPECT_TRUE(session_.Free(object).ok());
    auto inside = session_.Submit([this, &object] { return session_.Get(object); });
    EXPECT_EQ(*session_.Get(inside), i);
  }
}

TEST_F(ReconstructTest, InProcesses) {
  auto process = session_.With({.retries = 2, .reconstruct = true, .isolation = kProcess});
  auto a = process.Submit(Large, 300'000);
  auto b = process.Submit(Large, 200'000);
  auto joined = process.Submit(Joined, a, b);
  EXPECT_EQ(*session_.Get(joined), "aa");
  EXPECT_TRUE(session_.Free(a).ok());
  EXPECT_EQ(*session_.Get(process.Submit(Joined, a, b)), "ba");
  EXPECT_EQ(*session_.Get(joined), "aa");
  EXPECT_TRUE(session_.Free(b).ok());
  EXPECT_TRUE(session_.Free(joined).ok());
  EXPECT_EQ(*session_.Get(joined), "bb");
  EXPECT_EQ(*session_.Get(session_.With({.isolation = kProcess}).Submit(MakesAgainThere)), "bb, then lost");
}

}  // namespace
}  // namespace triune::reconstruct_test
