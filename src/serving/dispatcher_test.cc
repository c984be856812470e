#include "serving/dispatcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <latch>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include "serving/testing/fake_call.h"
#include "serving/testing/fake_model.h"

namespace triune::serving {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakeCall;
using testing::FakeModel;
using ::testing::HasSubstr;

constexpr uint64_t kInputBytes = 16;

/// A model whose calls wait until they are let go.
class GatedModel {
 public:
  FakeModel model{testing::OneToOne(), [this](const auto& request, auto& response) {
                    runs.fetch_add(1);
                    if (!entered_once_.exchange(true)) entered_.count_down();
                    gate_.wait();
                    return testing::Echo(testing::OneToOne(), request, response);
                  }};
  /// Waits until the first call is inside the model.
  void WaitUntilRunning() { entered_.wait(); }
  void LetGo() { gate_.count_down(); }
  std::atomic<int> runs{0};

 private:
  std::atomic<bool> entered_once_{false};
  std::latch entered_{1};
  std::latch gate_{1};
};

class DispatcherTest : public ::testing::Test {
 protected:
  std::unique_ptr<Dispatcher> Make(model::Model& model, Dispatcher::Options options = {}) {
    return std::make_unique<Dispatcher>(model, metrics_, clock_, options);
  }

  ManualClock clock_;
  ModelMetrics metrics_;
  FakeModel echo_;
};

TEST_F(DispatcherTest, RunsShortWorkOnTheCallersThread) {
  auto dispatcher = Make(echo_);
  dispatcher->costs().Record(kInputBytes, microseconds(10));
  FakeCall call(/*may_run_inline=*/true);
  call.PredictWith(*dispatcher, clock_);
  ASSERT_EQ(call.finishes(), 1);
  EXPECT_TRUE(call.Wait().ok());
  EXPECT_TRUE(call.FinishedHere());
  EXPECT_EQ(call.sends(), 1);
  ASSERT_EQ(call.response().outputs.size(), 1U);
  EXPECT_EQ(call.response().outputs[0].name, "y");
}

TEST_F(DispatcherTest, RunsLongWorkOnAnInstanceThread) {
  auto dispatcher = Make(echo_);
  dispatcher->costs().Record(kInputBytes, milliseconds(1));
  FakeCall call(/*may_run_inline=*/true);
  call.PredictWith(*dispatcher, clock_);
  EXPECT_TRUE(call.Wait().ok());
  EXPECT_FALSE(call.FinishedHere());
}

TEST_F(DispatcherTest, RunsWorkOfUnknownLengthOnAnInstanceThread) {
  auto dispatcher = Make(echo_);
  FakeCall call(/*may_run_inline=*/true);
  call.PredictWith(*dispatcher, clock_);
  EXPECT_TRUE(call.Wait().ok());
  EXPECT_FALSE(call.FinishedHere());
}

TEST_F(DispatcherTest, RunsShortWorkElsewhereWhenTheCallersThreadIsNotToBeUsed) {
  auto dispatcher = Make(echo_);
  dispatcher->costs().Record(kInputBytes, microseconds(10));
  FakeCall call(/*may_run_inline=*/false);
  call.PredictWith(*dispatcher, clock_);
  EXPECT_TRUE(call.Wait().ok());
  EXPECT_FALSE(call.FinishedHere());
}

TEST_F(DispatcherTest, LearnsHowLongTheModelTakes) {
  FakeModel model(testing::OneToOne(), [&](const auto&, auto&) {
    clock_.Advance(microseconds(40));
    return Status();
  });
  auto dispatcher = Make(model);
  FakeCall first(/*may_run_inline=*/true);
  first.PredictWith(*dispatcher, clock_);
  EXPECT_TRUE(first.Wait().ok());
  EXPECT_EQ(first.context.compute_time, microseconds(40));
  EXPECT_EQ(dispatcher->costs().Estimate(kInputBytes), microseconds(40));
  FakeCall second(/*may_run_inline=*/true);
  second.PredictWith(*dispatcher, clock_);
  EXPECT_TRUE(second.Wait().ok());
  EXPECT_TRUE(second.FinishedHere());
  EXPECT_EQ(metrics_.Latency(Phase::kPredict).count, 2U);
}

TEST_F(DispatcherTest, PassesOnTheModelsErrorAndLearnsNothingFromIt) {
  FakeModel model(testing::OneToOne(), [](const auto&, auto&) { return InvalidArgument("no such category: 7"); });
  auto dispatcher = Make(model);
  FakeCall call;
  call.PredictWith(*dispatcher, clock_);
  EXPECT_EQ(call.Wait().ToString(), "INVALID_ARGUMENT: no such category: 7");
  EXPECT_EQ(call.sends(), 0);
  EXPECT_EQ(dispatcher->costs().Estimate(kInputBytes), std::nullopt);
}

TEST_F(DispatcherTest, RefusesARequestThatThereIsNoMemoryFor) {
  FakeModel model(testing::OneToOne(), [](const auto&, auto&) -> Status { throw std::bad_alloc(); });
  auto dispatcher = Make(model);
  FakeCall call;
  call.PredictWith(*dispatcher, clock_);
  EXPECT_EQ(call.Wait().code(), StatusCode::kResourceExhausted);
}

TEST_F(DispatcherTest, RefusesWhatDoesNotFitIntoTheQueue) {
  GatedModel gated;
  auto dispatcher = Make(gated.model, {.queue_capacity = 1});
  FakeCall running, waiting, refused;
  running.PredictWith(*dispatcher, clock_);
  gated.WaitUntilRunning();
  waiting.PredictWith(*dispatcher, clock_);
  EXPECT_EQ(metrics_.queued, 1);
  refused.PredictWith(*dispatcher, clock_);
  ASSERT_EQ(refused.finishes(), 1);
  EXPECT_EQ(refused.Wait().code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.Wait().message()), HasSubstr("capacity is 1"));
  EXPECT_EQ(metrics_.queued, 1);
  gated.LetGo();
  EXPECT_TRUE(running.Wait().ok());
  EXPECT_TRUE(waiting.Wait().ok());
  EXPECT_EQ(metrics_.queued, 0);
}

TEST_F(DispatcherTest, DropsWhatWasCancelledWhileItWaited) {
  GatedModel gated;
  auto dispatcher = Make(gated.model);
  FakeCall running, cancelled;
  running.PredictWith(*dispatcher, clock_);
  gated.WaitUntilRunning();
  cancelled.PredictWith(*dispatcher, clock_);
  cancelled.context.cancelled = true;
  gated.LetGo();
  EXPECT_EQ(cancelled.Wait().code(), StatusCode::kCancelled);
  EXPECT_TRUE(running.Wait().ok());
  EXPECT_EQ(gated.runs, 1);
}

TEST_F(DispatcherTest, DropsWhoseDeadlinePassedWhileItWaited) {
  GatedModel gated;
  auto dispatcher = Make(gated.model);
  FakeCall running, late, in_time;
  running.PredictWith(*dispatcher, clock_);
  gated.WaitUntilRunning();
  late.context.deadline = clock_.Now() + seconds(5);
  in_time.context.deadline = clock_.Now() + seconds(6);
  late.PredictWith(*dispatcher, clock_);
  in_time.PredictWith(*dispatcher, clock_);
  clock_.Advance(seconds(5));
  gated.LetGo();
  EXPECT_EQ(late.Wait().code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(late.context.queue_time, seconds(5));
  EXPECT_TRUE(in_time.Wait().ok());
  EXPECT_EQ(gated.runs, 2);
}

TEST_F(DispatcherTest, DropsOnTheCallersThreadToo) {
  std::atomic<int> runs{0};
  FakeModel model(testing::OneToOne(), [&](const auto&, auto&) { return ++runs, Status(); });
  auto dispatcher = Make(model);
  dispatcher->costs().Record(kInputBytes, microseconds(10));
  FakeCall late(/*may_run_inline=*/true);
  late.context.deadline = clock_.Now();
  late.PredictWith(*dispatcher, clock_);
  EXPECT_EQ(late.Wait().code(), StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(late.FinishedHere());
  FakeCall cancelled(/*may_run_inline=*/true);
  cancelled.context.cancelled = true;
  cancelled.PredictWith(*dispatcher, clock_);
  EXPECT_EQ(cancelled.Wait().code(), StatusCode::kCancelled);
  EXPECT_EQ(runs, 0);
}

TEST_F(DispatcherTest, DestructorFinishesWhatRunsAndRefusesWhatIsQueued) {
  GatedModel gated;
  auto dispatcher = Make(gated.model, {.queue_capacity = 2});
  FakeCall running, queued;
  running.PredictWith(*dispatcher, clock_);
  gated.WaitUntilRunning();
  queued.PredictWith(*dispatcher, clock_);
  Dispatcher* raw = dispatcher.get();
  std::jthread destroying([&] { dispatcher.reset(); });
  // The destructor can't return while the model runs; that it has begun shows in what it says to a new call.
  std::deque<FakeCall> probes;
  for (;;) {
    FakeCall& probe = probes.emplace_back();
    probe.PredictWith(*raw, clock_);
    if (probe.finishes() == 1 && probe.Wait().code() == StatusCode::kUnavailable) break;
    std::this_thread::yield();
  }
  EXPECT_EQ(running.finishes(), 0);
  gated.LetGo();
  destroying.join();
  EXPECT_TRUE(running.Wait().ok());
  EXPECT_EQ(queued.Wait().code(), StatusCode::kUnavailable);
  EXPECT_EQ(gated.runs, 1);
  for (FakeCall& probe : probes) EXPECT_EQ(probe.finishes(), 1);
  EXPECT_EQ(metrics_.queued, 0);
}

TEST_F(DispatcherTest, WorksOnSeveralRequestsAtOnceWhenInstancesAllowIt) {
  // Every round starts with one instance, most often idle, and ends only if two requests are in the model together.
  for (int round = 0; round < 200; ++round) {
    std::latch both(2);
    std::atomic<bool> first{true};
    FakeModel model(testing::OneToOne(), [&](const auto&, auto&) {
      if (!first.exchange(false)) both.arrive_and_wait();
      return Status();
    });
    auto dispatcher = Make(model, {.instances = 2});
    FakeCall alone, a, b;
    alone.PredictWith(*dispatcher, clock_);
    EXPECT_TRUE(alone.Wait().ok());
    if (round % 2 == 0) std::this_thread::yield();
    a.PredictWith(*dispatcher, clock_);
    b.PredictWith(*dispatcher, clock_);
    EXPECT_TRUE(a.Wait().ok());
    EXPECT_TRUE(b.Wait().ok());
  }
}

/// Counts how many calls are in the model at the same time.
class CrowdMeter {
 public:
  FakeModel model{testing::OneToOne(), [this](const auto&, auto&) {
                    int now = running_.fetch_add(1) + 1;
                    int most_so_far = most_.load();
                    while (now > most_so_far && !most_.compare_exchange_weak(most_so_far, now)) continue;
                    for (int i = 0; i < 20; ++i) std::this_thread::yield();
                    running_.fetch_sub(1);
                    return Status();
                  }};
  int most() const { return most_; }

 private:
  std::atomic<int> running_{0};
  std::atomic<int> most_{0};
};

TEST_F(DispatcherTest, InstancesHonourMaxConcurrency) {
  CrowdMeter meter;
  auto dispatcher = Make(meter.model, {.instances = 4, .max_concurrency = 2});
  std::deque<FakeCall> calls;
  for (int i = 0; i < 300; ++i) {
    FakeCall& call = calls.emplace_back();
    call.PredictWith(*dispatcher, clock_);
  }
  for (FakeCall& call : calls) EXPECT_TRUE(call.Wait().ok());
  EXPECT_GE(meter.most(), 1);
  EXPECT_LE(meter.most(), 2);
}

TEST_F(DispatcherTest, CallersAndInstancesTogetherHonourMaxConcurrency) {
  CrowdMeter meter;
  auto dispatcher = Make(meter.model, {.instances = 1, .max_concurrency = 3});
  dispatcher->costs().Record(kInputBytes, microseconds(10));
  std::vector<std::jthread> callers;
  std::atomic<int> inline_runs{0};
  for (int c = 0; c < 6; ++c) {
    callers.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        FakeCall call(/*may_run_inline=*/true);
        call.PredictWith(*dispatcher, clock_);
        EXPECT_TRUE(call.Wait().ok());
        if (call.FinishedHere()) ++inline_runs;
      }
    });
  }
  callers.clear();
  EXPECT_LE(meter.most(), 3);
  EXPECT_GT(inline_runs, 0);
}

TEST_F(DispatcherTest, AMaxConcurrencyOfOneRunsOneAtATime) {
  CrowdMeter meter;
  auto dispatcher = Make(meter.model, {.instances = 8, .max_concurrency = 1});
  dispatcher->costs().Record(kInputBytes, microseconds(10));
  std::vector<std::jthread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        FakeCall call(/*may_run_inline=*/true);
        call.PredictWith(*dispatcher, clock_);
        EXPECT_TRUE(call.Wait().ok());
      }
    });
  }
  callers.clear();
  EXPECT_EQ(meter.most(), 1);
}

/// A model that computes for as long as it is told.
class BusyModel {
 public:
  explicit BusyModel(ManualClock& clock) : clock_(clock) {}
  std::atomic<Duration> busy{Duration(0)};
  FakeModel model{testing::OneToOne(), [this](const auto&, auto&) {
                    timespec start{}, now{};
                    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
                    Duration spent{0};
                    while (spent < busy.load()) {
                      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
                      spent = seconds(now.tv_sec - start.tv_sec) + Duration(now.tv_nsec - start.tv_nsec);
                    }
                    clock_.Advance(busy.load());
                    return Status();
                  }};

 private:
  ManualClock& clock_;
};

TEST_F(DispatcherTest, AModelThatKeepsStallingTheFrontEndLosesIt) {
  BusyModel busy(clock_);
  auto dispatcher = Make(busy.model, {.inline_below = microseconds(50)});
  dispatcher->costs().Record(kInputBytes, Duration(100));
  auto runs_here = [&] {
    FakeCall call(/*may_run_inline=*/true);
    call.PredictWith(*dispatcher, clock_);
    EXPECT_TRUE(call.Wait().ok());
    return call.FinishedHere();
  };
  busy.busy = milliseconds(3);
  EXPECT_TRUE(runs_here());
  busy.busy = Duration(0);
  EXPECT_TRUE(runs_here()) << "once is forgiven";
  busy.busy = milliseconds(3);
  EXPECT_TRUE(runs_here());
  busy.busy = Duration(0);
  EXPECT_FALSE(runs_here()) << "twice is not";
  int calls = 1;
  while (!runs_here()) ASSERT_LT(++calls, 5000);
  EXPECT_GE(calls, 100) << "it must show itself to be short for a while";
}

TEST_F(DispatcherTest, LongRequestsDoNotTakeTheFrontEndFromShortOnes) {
  BusyModel busy(clock_);
  auto dispatcher = Make(busy.model, {.inline_below = microseconds(50)});
  dispatcher->costs().Record(kInputBytes, microseconds(1));
  dispatcher->costs().Record(kInputBytes * 1024, milliseconds(3));
  busy.busy = milliseconds(3);
  for (int i = 0; i < 3; ++i) {
    FakeCall large(/*may_run_inline=*/true);
    large.request.inputs[0].data = Buffer::Allocate(kInputBytes * 1024);
    large.PredictWith(*dispatcher, clock_);
    EXPECT_TRUE(large.Wait().ok());
    EXPECT_FALSE(large.FinishedHere());
  }
  busy.busy = Duration(0);
  FakeCall small(/*may_run_inline=*/true);
  small.PredictWith(*dispatcher, clock_);
  EXPECT_TRUE(small.Wait().ok());
  EXPECT_TRUE(small.FinishedHere());
}

TEST(DispatcherStressTest, AnswersEveryCallOnceWhateverHappensToIt) {
  ModelMetrics metrics;
  FakeModel model;
  constexpr int kCallers = 6;
  constexpr int kCalls = 400;
  std::atomic<int> ok{0}, dropped{0}, refused{0};
  {
    Dispatcher dispatcher(model, metrics, Clock::System(), {.instances = 3, .queue_capacity = 4});
    std::vector<std::jthread> callers;
    for (int c = 0; c < kCallers; ++c) {
      callers.emplace_back([&, c] {
        std::deque<FakeCall> calls;
        for (int i = 0; i < kCalls; ++i) {
          FakeCall& call = calls.emplace_back(/*may_run_inline=*/(i + c) % 3 == 0);
          if (i % 7 == 0) call.context.deadline = Clock::System().Now();
          call.PredictWith(dispatcher);
          if (i % 5 == 0) call.context.cancelled = true;
        }
        for (FakeCall& call : calls) {
          Status status = call.Wait();
          EXPECT_EQ(call.finishes(), 1);
          EXPECT_EQ(call.sends(), status.ok() ? 1 : 0);
          bool was_dropped = status.code() == StatusCode::kCancelled || status.code() == StatusCode::kDeadlineExceeded;
          EXPECT_TRUE(status.ok() || was_dropped || status.code() == StatusCode::kResourceExhausted)
              << status.ToString();
          ++(status.ok() ? ok : was_dropped ? dropped : refused);
        }
      });
    }
  }
  EXPECT_EQ(ok + dropped + refused, kCallers * kCalls);
  EXPECT_GT(ok, 0);
  EXPECT_GT(dropped, 0);
  EXPECT_EQ(metrics.queued, 0);
  EXPECT_EQ(metrics.Latency(Phase::kPredict).count, static_cast<uint64_t>(ok.load()));
}

TEST_F(DispatcherTest, TriesTheModelOnInstanceThreadsBeforeTheFrontEnd) {
  auto dispatcher = Make(echo_, {.trial_calls = 3});
  dispatcher->costs().Record(kInputBytes, microseconds(10));
  for (int i = 0; i < 3; ++i) {
    FakeCall call(/*may_run_inline=*/true);
    call.PredictWith(*dispatcher, clock_);
    EXPECT_TRUE(call.Wait().ok());
    EXPECT_FALSE(call.FinishedHere()) << i;
  }
  FakeCall call(/*may_run_inline=*/true);
  call.PredictWith(*dispatcher, clock_);
  EXPECT_TRUE(call.Wait().ok());
  EXPECT_TRUE(call.FinishedHere());
}

}  // namespace
}  // namespace triune::serving
