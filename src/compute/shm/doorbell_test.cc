#include "compute/shm/doorbell.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace triune::compute::shm {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// With and without a look before the sleep.
class DoorbellTest : public ::testing::TestWithParam<microseconds> {
 protected:
  Duration spin() const { return GetParam(); }
  DoorbellWord word_{};
};
INSTANTIATE_TEST_SUITE_P(Spins, DoorbellTest, ::testing::Values(microseconds(0), microseconds(5), microseconds(50)),
                         [](const auto& test) { return std::to_string(test.param.count()); });

TEST_P(DoorbellTest, DoesNotWaitForWhatIsThere) {
  Doorbell bell(word_, spin());
  EXPECT_TRUE(bell.WaitUntil([] { return true; }));
  EXPECT_TRUE(bell.WaitUntil([] { return true; }, TimePoint{}));
}

TEST_P(DoorbellTest, GivesUpAtTheDeadline) {
  Doorbell bell(word_, spin());
  EXPECT_FALSE(bell.WaitUntil([] { return false; }, TimePoint{}));
  EXPECT_FALSE(bell.WaitUntil([] { return false; }, TimePoint::min()));
  TimePoint deadline = std::chrono::steady_clock::now() + milliseconds(2);
  EXPECT_FALSE(bell.WaitUntil([] { return false; }, deadline));
  EXPECT_GE(std::chrono::steady_clock::now(), deadline);
  bell.Ring();
  EXPECT_EQ(word_.word % 2, 0U) << "awake";
}

TEST_P(DoorbellTest, SleepsAgainWhenRungForNothing) {
  std::atomic<int> asked{0};
  std::atomic<bool> done{false};
  std::thread waiting([&] {
    Doorbell bell(word_, spin());
    bell.WaitUntil([&] { return ++asked, done.load(); });
  });
  Doorbell bell(word_);
  for (int i = 0; i < 100; ++i) bell.Ring();
  done = true;
  bell.Ring();
  waiting.join();
  EXPECT_GE(asked, 1);
}

// What comes at the worst moments: after a look that found nothing, before and after the word says that it sleeps.
TEST(DoorbellMomentTest, SeesWhatComesBetweenLookAndSleep) {
  for (int moment : {1, 2}) {
    DoorbellWord word{};
    Doorbell bell(word, Duration::zero());
    Doorbell its(word);
    int looks = 0;
    bool there = false;
    EXPECT_TRUE(bell.WaitUntil([&] {
      bool found = there;
      if (++looks == moment) {
        there = true;
        its.Ring();
      }
      return found;
    })) << "or it sleeps for ever";
    EXPECT_EQ(looks, moment + 1);
  }
}

// A wake-up that is lost stops this for ever.
TEST_P(DoorbellTest, LosesNoWakeUpBetweenThreads) {
  DoorbellWord back_word{};
  std::atomic<int> there{0};
  std::atomic<int> back{0};
  constexpr int kRounds = 3000;
  std::thread other([&] {
    Doorbell mine(word_, spin());
    Doorbell its(back_word, spin());
    for (int i = 1; i <= kRounds; ++i) {
      mine.WaitUntil([&] { return there.load(std::memory_order_relaxed) == i; });
      back.store(i, std::memory_order_relaxed);
      its.Ring();
    }
  });
  Doorbell mine(back_word, spin());
  Doorbell its(word_, spin());
  for (int i = 1; i <= kRounds; ++i) {
    there.store(i, std::memory_order_relaxed);
    its.Ring();
    mine.WaitUntil([&] { return back.load(std::memory_order_relaxed) == i; });
  }
  other.join();
}

TEST_P(DoorbellTest, LosesNoWakeUpOfMany) {
  constexpr int kRingers = 3;
  constexpr int kRounds = 2000;
  std::atomic<int> count{0};
  std::atomic<int> plain_copy{0};
  std::vector<std::thread> ringers;
  for (int t = 0; t < kRingers; ++t) {
    ringers.emplace_back([&] {
      Doorbell bell(word_, spin());
      for (int i = 0; i < kRounds; ++i) {
        int seen = plain_copy.load();
        count.fetch_add(1, std::memory_order_relaxed);
        bell.Ring();
        // Now and then only when it was noticed, so that there is nobody else to ring.
        if (i % 8 == 0) {
          while (plain_copy.load() == seen) std::this_thread::yield();
        }
      }
    });
  }
  Doorbell bell(word_, spin());
  while (plain_copy < kRingers * kRounds) {
    int before = plain_copy;
    bell.WaitUntil([&] { return count.load(std::memory_order_relaxed) != before; });
    plain_copy = count.load();
  }
  for (std::thread& ringer : ringers) ringer.join();
  EXPECT_EQ(count, kRingers * kRounds);
}

}  // namespace
}  // namespace triune::compute::shm
