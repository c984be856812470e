#include "server/http/busy_poll.h"

#include <gtest/gtest.h>

namespace triune::server::http {
namespace {

using std::chrono::microseconds;

constexpr Duration kWindow = microseconds(50);

void Record(BusyPoll& poll, Duration waited, int times) {
  for (int i = 0; i < times; ++i) poll.Record(waited);
}

TEST(BusyPollTest, StartsAsleep) { EXPECT_FALSE(BusyPoll(kWindow).PaysOff()); }

TEST(BusyPollTest, PaysOffWhileEventsComeWithinTheWindow) {
  BusyPoll poll(kWindow);
  Record(poll, kWindow, 100);
  EXPECT_TRUE(poll.PaysOff());
  poll.Record(microseconds(51));
  EXPECT_TRUE(poll.PaysOff()) << "one straggler";
  Record(poll, std::chrono::seconds(1), 10);
  EXPECT_FALSE(poll.PaysOff());
}

TEST(BusyPollTest, IsGivenUpWhenEveryThirdWaitIsLong) {
  BusyPoll poll(kWindow);
  Record(poll, kWindow, 100);
  for (int i = 0; i < 100; ++i) {
    Record(poll, kWindow, 2);
    poll.Record(2 * kWindow);
  }
  EXPECT_FALSE(poll.PaysOff());
}

TEST(BusyPollTest, NeverPaysOffWithoutAWindow) {
  BusyPoll poll(Duration(0));
  Record(poll, microseconds(1), 100);
  EXPECT_FALSE(poll.PaysOff());
}

}  // namespace
}  // namespace triune::server::http
