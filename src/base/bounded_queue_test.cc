#include "base/bounded_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace triune {
namespace {

TEST(BoundedQueueTest, IsFirstInFirstOutAcrossTheEndOfTheRing) {
  BoundedQueue<int> queue(3);
  int next_in = 0;
  int next_out = 0;
  for (int round = 0; round < 5; ++round) {
    EXPECT_TRUE(queue.TryPush(next_in++));
    EXPECT_TRUE(queue.TryPush(next_in++));
    EXPECT_EQ(queue.Pop(), next_out++);
    EXPECT_EQ(queue.Pop(), next_out++);
  }
  EXPECT_EQ(queue.size(), 0U);
  EXPECT_EQ(queue.capacity(), 3U);
}

TEST(BoundedQueueTest, LeavesTheItemAloneWhenFull) {
  BoundedQueue<std::unique_ptr<int>> queue(1);
  EXPECT_TRUE(queue.TryPush(std::make_unique<int>(1)));
  auto second = std::make_unique<int>(2);
  EXPECT_FALSE(queue.TryPush(std::move(second)));
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(*second, 2);
  EXPECT_EQ(queue.size(), 1U);
}

TEST(BoundedQueueTest, WithoutRoomTakesNothing) {
  BoundedQueue<int> queue(0);
  EXPECT_FALSE(queue.TryPush(1));
}

TEST(BoundedQueueTest, ClosedRefusesNewItemsAndHandsOutTheRest) {
  BoundedQueue<int> queue(2);
  EXPECT_TRUE(queue.TryPush(1));
  queue.Close();
  EXPECT_FALSE(queue.TryPush(2));
  EXPECT_EQ(queue.Pop(), 1);
  EXPECT_EQ(queue.Pop(), std::nullopt);
}

TEST(BoundedQueueTest, CloseWakesEveryWaiter) {
  BoundedQueue<int> queue(1);
  std::atomic<int> woken{0};
  std::vector<std::thread> waiters;
  for (int i = 0; i < 3; ++i) {
    waiters.emplace_back([&] {
      if (!queue.Pop()) ++woken;
    });
  }
  queue.Close();
  for (std::thread& waiter : waiters) waiter.join();
  EXPECT_EQ(woken, 3);
}

TEST(BoundedQueueTest, ThreadsLoseAndDuplicateNothing) {
  constexpr int kProducers = 3;
  constexpr int kItems = 2000;
  BoundedQueue<int> queue(16);
  std::vector<std::atomic<int>> seen(size_t{kProducers} * kItems);
  std::vector<std::thread> consumers;
  for (int i = 0; i < 3; ++i) {
    consumers.emplace_back([&] {
      while (auto item = queue.Pop()) ++seen[static_cast<size_t>(*item)];
    });
  }
  std::vector<std::thread> producers;
  for (int p = 0; p < kProducers; ++p) {
    producers.emplace_back([&, p] {
      for (int i = 0; i < kItems; ++i) {
        while (!queue.TryPush(p * kItems + i)) std::this_thread::yield();
      }
    });
  }
  for (std::thread& producer : producers) producer.join();
  queue.Close();
  for (std::thread& consumer : consumers) consumer.join();
  for (const auto& count : seen) ASSERT_EQ(count, 1);
}

}  // namespace
}  // namespace triune
