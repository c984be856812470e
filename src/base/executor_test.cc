#include "base/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace triune {
namespace {

TEST(ThreadPoolExecutorTest, RunsTasksOnOtherThreads) {
  std::thread::id ran_on;
  {
    ThreadPoolExecutor executor(1, 1);
    ASSERT_TRUE(executor.TrySubmit([&] { ran_on = std::this_thread::get_id(); }));
  }
  EXPECT_NE(ran_on, std::thread::id());
  EXPECT_NE(ran_on, std::this_thread::get_id());
}

TEST(ThreadPoolExecutorTest, UsesAllItsThreads) {
  // Nobody passes the latch until three tasks run at once.
  std::latch all(3);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  {
    ThreadPoolExecutor executor(3, 3);
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(executor.TrySubmit([&] {
        all.arrive_and_wait();
        std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
      }));
    }
  }
  EXPECT_EQ(threads.size(), 3U);
}

TEST(ThreadPoolExecutorTest, RefusesWhatDoesNotFitIntoTheQueue) {
  std::latch running(1), go_on(1);
  std::atomic<int> ran{0};
  {
    ThreadPoolExecutor executor(1, 2);
    ASSERT_TRUE(executor.TrySubmit([&] {
      running.count_down();
      go_on.wait();
    }));
    running.wait();
    EXPECT_TRUE(executor.TrySubmit([&] { ++ran; }));
    EXPECT_TRUE(executor.TrySubmit([&] { ++ran; }));
    EXPECT_FALSE(executor.TrySubmit([&] { ran += 100; }));
    go_on.count_down();
  }
  EXPECT_EQ(ran, 2) << "what is queued runs before the executor is gone, what was refused never does";
}

TEST(ThreadPoolExecutorTest, UnusedItEndsAtOnce) { ThreadPoolExecutor executor(4, 4); }

TEST(ThreadPoolExecutorTest, ManyThreadsMaySubmit) {
  constexpr int kSubmitters = 4;
  constexpr int kTasks = 500;
  std::atomic<int> ran{0};
  {
    ThreadPoolExecutor executor(3, 8);
    std::vector<std::jthread> submitters;
    for (int s = 0; s < kSubmitters; ++s) {
      submitters.emplace_back([&] {
        for (int i = 0; i < kTasks; ++i) {
          while (!executor.TrySubmit([&] { ++ran; })) std::this_thread::yield();
        }
      });
    }
  }
  EXPECT_EQ(ran, kSubmitters * kTasks);
}

}  // namespace
}  // namespace triune
