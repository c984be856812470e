#include "base/clock.h"

#include <gtest/gtest.h>

namespace triune {
namespace {

using std::chrono::seconds;

TEST(ClockTest, SystemClockDoesNotGoBack) {
  TimePoint before = Clock::System().Now();
  EXPECT_GE(Clock::System().Now(), before);
}

TEST(ClockTest, ManualClockMovesOnlyWhenTold) {
  ManualClock clock;
  TimePoint start = clock.Now();
  EXPECT_EQ(clock.Now(), start);
  clock.Advance(seconds(5));
  EXPECT_EQ(clock.Now() - start, seconds(5));
}

TEST(DeadlineAfterTest, StopsAtNever) {
  TimePoint now = ManualClock().Now();
  EXPECT_EQ(DeadlineAfter(now, seconds(1)), now + seconds(1));
  EXPECT_EQ(DeadlineAfter(now, Duration::max()), kNever);
  EXPECT_EQ(DeadlineAfter(now, kNever - now), kNever);
}

}  // namespace
}  // namespace triune
