#include "base/deadline_heap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace triune {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

struct Owner {
  explicit Owner(int n) : number(n) {}
  bool Awaits(uint64_t use) const { return use == present_use; }
  int number;
  uint64_t present_use = 1;
};

TimePoint At(int second) { return TimePoint(seconds(second)); }

class DeadlineHeapTest : public ::testing::Test {
 protected:
  TimePoint RunDue(int second) {
    return heap_.RunDue(At(second), [this](Owner& owner) { ran_.push_back(owner.number); });
  }
  DeadlineHeap<Owner> heap_;
  Owner one_{1}, two_{2}, three_{3};
  std::vector<int> ran_;
};

TEST_F(DeadlineHeapTest, RunsWhatIsDueEarliestFirst) {
  heap_.Add(At(30), three_, 1);
  heap_.Add(At(10), one_, 1);
  heap_.Add(At(20), two_, 1);
  EXPECT_EQ(heap_.next(), At(10));
  EXPECT_EQ(RunDue(9), At(10));
  EXPECT_EQ(RunDue(20), At(30));
  EXPECT_THAT(ran_, ElementsAre(1, 2));
  EXPECT_EQ(RunDue(31), kNever);
  EXPECT_THAT(ran_, ElementsAre(1, 2, 3));
}

TEST_F(DeadlineHeapTest, SkipsWhatIsOver) {
  heap_.Add(At(10), one_, 1);
  heap_.Add(At(10), two_, 1);
  one_.present_use = 2;
  EXPECT_EQ(RunDue(10), kNever);
  EXPECT_THAT(ran_, ElementsAre(2));
}

TEST_F(DeadlineHeapTest, DoesNotGrowWithWhatIsOver) {
  for (int i = 0; i < 100'000; ++i) heap_.Add(At(1'000'000), one_, ++one_.present_use);
  EXPECT_LE(heap_.size(), 1024U);
}

TEST_F(DeadlineHeapTest, KeepsAllThatWaits) {
  std::vector<Owner> owners(5000, Owner(7));
  for (Owner& owner : owners) {
    heap_.Add(At(5), owner, 1);
    heap_.Add(At(4), owner, 0);  // over from the beginning
  }
  EXPECT_EQ(RunDue(5), kNever);
  EXPECT_EQ(ran_.size(), owners.size());
}

}  // namespace
}  // namespace triune
