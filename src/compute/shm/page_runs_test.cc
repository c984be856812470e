#include "compute/shm/page_runs.h"

#include <gtest/gtest.h>

#include <cstring>

namespace triune::compute::shm {
namespace {

constexpr uint64_t kBegin = 2 * kPageBytes;

class PageRunsTest : public ::testing::Test {
 protected:
  static constexpr uint32_t kPages = 1000;

  void Touch(uint32_t first, uint32_t pages) {
    std::memset(segment_.data() + kBegin + first * kPageBytes, 1, pages * kPageBytes);
  }

  Segment segment_ = *Segment::Create(kBegin + kPages * kPageBytes);
  PageMap map_{kPages};
  PageRuns runs_{segment_, map_, kBegin, kPages, 200};
};

TEST_F(PageRunsTest, GivesEveryPageOnce) {
  EXPECT_EQ(runs_.Allocate(400), 0U);
  EXPECT_EQ(runs_.Allocate(1), 400U);
  EXPECT_EQ(runs_.Allocate(600), std::nullopt);
  EXPECT_EQ(runs_.Allocate(599), 401U);
  EXPECT_EQ(runs_.Allocate(1), std::nullopt);
  EXPECT_EQ(runs_.statistics().free_pages, 0U);
  EXPECT_EQ(runs_.statistics().largest_run, 0U);
}

TEST_F(PageRunsTest, TakesTheSmallestRunThatFits) {
  for (uint32_t pages : {50U, 10U, 20U, 10U, 30U, 10U}) EXPECT_TRUE(runs_.Allocate(pages));
  runs_.Free(0, 50);
  runs_.Free(60, 20);
  runs_.Free(90, 30);
  EXPECT_EQ(runs_.Allocate(25), 90U);
  EXPECT_EQ(runs_.Allocate(18), 60U);
  EXPECT_EQ(runs_.Allocate(5), 115U);
  EXPECT_EQ(runs_.Allocate(2), 78U);
  EXPECT_EQ(runs_.Allocate(50), 0U);
}

TEST_F(PageRunsTest, JoinsNeighboursInAnyOrder) {
  for (int order = 0; order < 6; ++order) {
    constexpr uint32_t kOrders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (uint32_t i = 0; i < 3; ++i) EXPECT_EQ(runs_.Allocate(100), i * 100);
    EXPECT_EQ(runs_.Allocate(700), 300U);
    for (uint32_t i : kOrders[order]) runs_.Free(i * 100, 100);
    EXPECT_EQ(runs_.statistics().free_runs, 1U) << order;
    EXPECT_EQ(runs_.statistics().largest_run, 300U) << order;
    runs_.Free(300, 700);
    EXPECT_EQ(runs_.statistics().largest_run, 1000U) << order;
  }
}

TEST_F(PageRunsTest, KeepsSomeMemoryAndGivesBackTheRest) {
  uint64_t before = segment_.ResidentBytes();
  for (uint32_t i = 0; i < 4; ++i) EXPECT_EQ(runs_.Allocate(150), i * 150);
  Touch(0, 600);
  runs_.Free(0, 150);
  EXPECT_EQ(runs_.statistics().kept_pages, 150U);
  EXPECT_EQ(segment_.ResidentBytes() - before, 600 * kPageBytes);
  runs_.Free(150, 150);  // would be 300
  EXPECT_EQ(runs_.statistics().kept_pages, 150U);
  EXPECT_EQ(segment_.ResidentBytes() - before, 450 * kPageBytes);
  EXPECT_EQ(runs_.Allocate(200), 0U) << "150 pages with memory, 50 without";
  EXPECT_EQ(runs_.statistics().kept_pages, 0U);
  runs_.Free(300, 150);
  EXPECT_EQ(runs_.statistics().kept_pages, 150U) << "room for others again";
  runs_.Free(0, 200);
  runs_.Free(450, 150);
  EXPECT_EQ(segment_.ResidentBytes() - before, 150 * kPageBytes);
  EXPECT_EQ(runs_.statistics().largest_run, 1000U);
  EXPECT_EQ(runs_.statistics().free_pages, 1000U);
}

}  // namespace
}  // namespace triune::compute::shm
