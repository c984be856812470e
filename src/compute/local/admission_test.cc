#include "compute/local/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <latch>
#include <limits>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "triune/core.h"

namespace triune::compute {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Amounts, AreTenThousandths) {
  auto some = *Amounts::Of(1.5, 0.25, 100, {{"disk", 3}});
  EXPECT_EQ(some.cpus(), 15000);
  EXPECT_EQ(some.ToString(), "CPU 1.5, GPU 0.25, disk 3, memory 100");
  EXPECT_TRUE(some.Covers(*Amounts::Of(1.5, 0, 0, {})));
  EXPECT_FALSE(some.Covers(*Amounts::Of(1.5001, 0, 0, {})));
  EXPECT_FALSE(some.Covers(*Amounts::Of(0, 0, 0, {{"tape", 1}})));
  EXPECT_EQ(Amounts().ToString(), "nothing");
}

TEST(Amounts, ThatMakeNoSense) {
  for (double wrong : {-1.0, std::nan(""), std::numeric_limits<double>::infinity(), 1e15, 0.00001}) {
    EXPECT_EQ(Amounts::Of(wrong, 0, 0, {}).status().code(), StatusCode::kInvalidArgument) << wrong;
    EXPECT_EQ(Amounts::Of(1, 0, 0, {{"disk", wrong}}).status().code(), StatusCode::kInvalidArgument) << wrong;
  }
  EXPECT_THAT(Amounts::Of(1, 0, 0, {{"CPU", 1}}).status().ToString(), HasSubstr("an option of its own"));
}

/// Adds up what tasks have while they run.
class Meter {
 public:
  explicit Meter(double limit) : limit_(limit) {}
  void Use(double amount) {
    {
      std::lock_guard lock(mutex_);
      in_use_ += amount;
      ++runs_;
      if (in_use_ > limit_ + 1e-9) ++too_much_;
    }
    std::this_thread::yield();
    std::lock_guard lock(mutex_);
    in_use_ -= amount;
  }
  int runs() const { return runs_; }
  int too_much() const { return too_much_; }

 private:
  const double limit_;
  std::mutex mutex_;
  double in_use_ = 0;
  int runs_ = 0;
  int too_much_ = 0;
};

TEST(Admission, NeverGivesMoreThanThereIs) {
  Session session({.cpus = 4, .gpus = 2, .memory = 100, .resources = {{"disk", 3}}});
  Meter cpus(4);
  Meter disk(3);
  std::vector<ObjectRef<void>> tasks;
  for (int i = 0; i < 400; ++i) {
    const double wanted[] = {2, 0.5, 4, 1, 0};
    const double n = wanted[i % 5];
    tasks.push_back(session.With({.cpus = n}).Submit([&cpus, n] { cpus.Use(n); }));
    tasks.push_back(session.With({.cpus = 0, .resources = {{"disk", 2}}}).Submit([&disk] { disk.Use(2); }));
    tasks.push_back(session.With({.cpus = 0, .resources = {{"disk", 1}}}).Submit([&disk] { disk.Use(1); }));
  }
  for (auto& task : tasks) ASSERT_TRUE(session.Get(task).ok());
  EXPECT_EQ(cpus.runs(), 400);
  EXPECT_EQ(disk.runs(), 800);
  EXPECT_EQ(disk.too_much(), 0);
  EXPECT_EQ(cpus.too_much(), 0);
}

TEST(Admission, AWideTaskComesToItsTurnAmongNarrowOnesAndTheyToTheirs) {
  Session session({.cpus = 2});
  std::atomic<bool> stop{false};
  std::atomic<int> narrow{0};
  std::atomic<int> wide{0};
  // Each kind keeps coming; neither may keep the other out.
  auto keep_coming = [&](auto& self, double cpus, std::atomic<int>& count) -> void {
    ++count;
    if (!stop) session.With({.cpus = cpus}).Submit([&self, &count, cpus] { self(self, cpus, count); });
  };
  for (int i = 0; i < 4; ++i) {
    session.Submit([&] { keep_coming(keep_coming, 1, narrow); });
    session.Submit([&] { keep_coming(keep_coming, 2, wide); });
  }
  while (narrow < 50 || wide < 50) std::this_thread::yield();
  stop = true;
  // All of them refer to what is here.
  while (true) {
    auto all = session.With({.cpus = 2}).Submit([] {});
    ASSERT_TRUE(session.Get(all).ok());
    int before = narrow + wide;
    std::this_thread::sleep_for(milliseconds(5));
    if (narrow + wide == before) break;
  }
}

TEST(Admission, ATaskThatWaitsGivesItsProcessorsBack) {
  Session session({.cpus = 2});
  auto outer = session.With({.cpus = 2}).Submit([&] {
    auto inner = session.With({.cpus = 2}).Submit([&] {
      return *session.Get(session.With({.cpus = 2}).Submit([] { return 20; })) + 1;
    });
    return *session.Get(inner) + *session.Get(session.Submit([] { return 100; }), seconds(60));
  });
  EXPECT_EQ(*session.Get(outer, seconds(60)), 121);
}

TEST(Admission, GpusHaveNumbers) {
  Session session({.cpus = 4, .gpus = 2});
  auto ids = [] { return RuntimeContext::gpu_ids(); };
  EXPECT_THAT(*session.Get(session.Submit(ids)), IsEmpty());
  EXPECT_THAT(*session.Get(session.With({.gpus = 2}).Submit(ids)), ElementsAre(0, 1));
  std::latch all(4);
  auto half = [&all] {
    all.arrive_and_wait();
    return RuntimeContext::gpu_ids();
  };
  std::vector<ObjectRef<std::vector<int>>> tasks;
  for (int i = 0; i < 4; ++i) tasks.push_back(session.With({.gpus = 0.5}).Submit(half));
  std::multiset<int> seen;
  for (auto& task : tasks) {
    const std::vector<int> given = *session.Get(task);
    seen.insert(given.begin(), given.end());
  }
  EXPECT_THAT(seen, ElementsAre(0, 0, 1, 1));
}

TEST(Admission, WhatCanNeverRunIsAnError) {
  Session session({.cpus = 2, .gpus = 0});
  auto one = [] { return 1; };
  Status status = session.Get(session.With({.name = "big", .cpus = 3}).Submit(one)).status();
  EXPECT_EQ(TaskError::Of(status)->kind, ErrorKind::kUnschedulable);
  EXPECT_THAT(status.ToString(), HasSubstr("wanted CPU 3; has CPU 2"));
  EXPECT_EQ(TaskError::Of(session.Get(session.With({.gpus = 1}).Submit(one)).status())->kind,
            ErrorKind::kUnschedulable);
  EXPECT_EQ(session.Get(session.With({.cpus = -1}).Submit(one)).status().code(), StatusCode::kInvalidArgument);
  EXPECT_THROW(Session({.cpus = -1}), std::invalid_argument);
}

TEST(Admission, CancelledAndTimedOutTasksHoldNobodyUp) {
  Session session({.cpus = 2});
  std::latch started(1);
  std::latch leave(1);
  auto holder = session.With({.cpus = 2}).Submit([&] {
    started.count_down();
    leave.wait();
  });
  started.wait();
  auto cancelled = session.With({.cpus = 2}).Submit([] { return 1; });
  auto late = session.With({.cpus = 2, .timeout = milliseconds(5)}).Submit([] { return 1; });
  auto last = session.With({.cpus = 2}).Submit([] { return 2; });
  EXPECT_TRUE(session.Cancel(cancelled));
  EXPECT_FALSE(session.Get(late).ok());
  leave.count_down();
  EXPECT_EQ(*session.Get(last), 2);
  EXPECT_FALSE(session.Get(cancelled).ok());
  EXPECT_TRUE(session.Get(holder).ok());
}

TEST(Admission, ASessionWaitsForThem) {
  std::atomic<int> ran{0};
  for (int round = 0; round < 50; ++round) {
    Session session({.cpus = 2});
    for (int i = 0; i < 20; ++i) session.With({.cpus = i % 3 * 0.5}).Submit([&ran] { ++ran; });
  }
  EXPECT_EQ(ran, 1000);
}

}  // namespace
}  // namespace triune::compute
