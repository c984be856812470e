#include "compute/shm/leases.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include "compute/shm/arena.h"
#include "compute/shm/granted_blocks.h"
#include "compute/shm/testing/child.h"

namespace triune::compute::shm {
namespace {

class LeasesTest : public ::testing::Test {
 protected:
  uint64_t used() const { return arena_->statistics().used; }

  Segment segment_ = *Segment::Create(64U << 20U);
  std::unique_ptr<Arena> arena_ = *Arena::Create(segment_);
  Leases leases_{*arena_};
  Holder driver_ = *leases_.Join();
  Holder worker_ = *leases_.Join();
};

TEST_F(LeasesTest, FreesWithTheLastLease) {
  Block block = *leases_.Grant(driver_, 10'000);
  EXPECT_EQ(used(), block.bytes);
  EXPECT_TRUE(leases_.Share(driver_, worker_, block.offset).ok());
  EXPECT_TRUE(leases_.Share(worker_, worker_, block.offset).ok());
  EXPECT_TRUE(leases_.Drop(driver_, block.offset).ok());
  EXPECT_EQ(leases_.HeldBytes(driver_), 0U);
  EXPECT_EQ(leases_.HeldBytes(worker_), block.bytes);
  EXPECT_EQ(leases_.Drop(worker_, block.offset, 3).ToString(),
            "INVALID_ARGUMENT: fewer leases of the block of shared memory at " + std::to_string(block.offset) +
                ": want 3, got 2");
  EXPECT_TRUE(leases_.Drop(worker_, block.offset).ok());
  EXPECT_EQ(used(), block.bytes);
  EXPECT_TRUE(leases_.Drop(worker_, block.offset).ok());
  EXPECT_EQ(used(), 0U);
  EXPECT_EQ(leases_.Drop(worker_, block.offset).code(), StatusCode::kNotFound);
}

TEST_F(LeasesTest, MovesAResultToTheDriver) {
  Block block = *leases_.Grant(worker_, 5000);
  EXPECT_EQ(*leases_.Check(worker_, block.offset, 5000), block);
  EXPECT_TRUE(leases_.Move(worker_, driver_, block.offset).ok());
  EXPECT_EQ(leases_.Move(worker_, driver_, block.offset).code(), StatusCode::kNotFound) << "sent twice";
  EXPECT_EQ(leases_.Leave(worker_)->blocks, 0U);
  EXPECT_EQ(used(), block.bytes);
  EXPECT_TRUE(leases_.Drop(driver_, block.offset).ok());
  EXPECT_EQ(used(), 0U);
}

TEST_F(LeasesTest, BelievesNothingThatAWorkerSends) {
  Block mine = *leases_.Grant(driver_, 5000);
  Block its = *leases_.Grant(worker_, 5000);
  for (uint64_t offset : {mine.offset, its.offset + 64, uint64_t{0}, UINT64_MAX}) {
    EXPECT_EQ(leases_.Check(worker_, offset, 1).status().code(), StatusCode::kNotFound);
    EXPECT_EQ(leases_.Move(worker_, driver_, offset).code(), StatusCode::kNotFound);
    EXPECT_EQ(leases_.Share(worker_, driver_, offset).code(), StatusCode::kNotFound);
    EXPECT_EQ(leases_.Drop(worker_, offset).code(), StatusCode::kNotFound);
  }
  EXPECT_EQ(leases_.Check(worker_, its.offset, its.bytes + 1).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(used(), mine.bytes + its.bytes);
}

TEST_F(LeasesTest, OneThatHasLeftGetsNothing) {
  Block mine = *leases_.Grant(driver_, 64);
  EXPECT_TRUE(leases_.Leave(worker_).ok());
  EXPECT_EQ(leases_.Leave(worker_).status().code(), StatusCode::kFailedPrecondition);
  Holder next = *leases_.Join();
  EXPECT_EQ(next.slot, worker_.slot) << "another in its place";
  EXPECT_EQ(leases_.Grant(worker_, 64).status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(leases_.Share(driver_, worker_, mine.offset).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(leases_.Move(driver_, worker_, mine.offset).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(leases_.Check(worker_, mine.offset, 1).status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(leases_.Drop(Holder{7, 6}, mine.offset).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(leases_.Drop(Holder{}, mine.offset).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(used(), 64U);
  Leases few(*arena_, 1);
  EXPECT_TRUE(few.Join().ok());
  EXPECT_EQ(few.Join().status().code(), StatusCode::kResourceExhausted);
}

TEST_F(LeasesTest, LeavingFreesExactlyWhatWasItsOwn) {
  std::mt19937 random(3);
  std::vector<Holder> holders{driver_, worker_, *leases_.Join(), *leases_.Join()};
  std::map<uint64_t, std::vector<int>> model;  // offset -> leases of each holder
  std::map<uint64_t, uint64_t> sizes;
  for (int step = 0; step < 20'000; ++step) {
    size_t from = random() % holders.size();
    size_t to = random() % holders.size();
    if (random() % 3 == 0 || model.empty()) {
      Result<Block> block = leases_.Grant(holders[from], random() % 20'000);
      if (!block.ok()) continue;
      model[block->offset].resize(holders.size());
      model[block->offset][from] = 1;
      sizes[block->offset] = block->bytes;
    } else {
      auto entry = model.lower_bound(random() % segment_.size());
      if (entry == model.end()) entry = model.begin();
      auto& [offset, counts] = *entry;
      bool has = counts[from] > 0;
      switch (random() % 4) {
        case 0:
          ASSERT_EQ(leases_.Share(holders[from], holders[to], offset).ok(), has);
          counts[to] += has ? 1 : 0;
          break;
        case 1:
          ASSERT_EQ(leases_.Move(holders[from], holders[to], offset).ok(), has);
          counts[from] -= has ? 1 : 0;
          counts[to] += has ? 1 : 0;
          break;
        default:
          ASSERT_EQ(leases_.Drop(holders[from], offset).ok(), has);
          counts[from] -= has ? 1 : 0;
          if (counts == std::vector<int>(holders.size())) model.erase(entry);
      }
    }
    if (step % 500 == 499) {
      Leases::Released released = *leases_.Leave(holders[from]);
      uint64_t blocks = 0;
      uint64_t freed = 0;
      for (auto entry = model.begin(); entry != model.end();) {
        blocks += entry->second[from] > 0 ? 1U : 0U;
        entry->second[from] = 0;
        bool last = entry->second == std::vector<int>(holders.size());
        freed += last ? 1U : 0U;
        entry = last ? model.erase(entry) : std::next(entry);
      }
      ASSERT_EQ(released.blocks, blocks);
      ASSERT_EQ(released.freed, freed);
      holders[from] = *leases_.Join();
      uint64_t expected = 0;
      for (const auto& [offset, counts] : model) expected += sizes[offset];
      ASSERT_EQ(used(), expected);
    }
  }
  for (Holder holder : holders) EXPECT_TRUE(leases_.Leave(holder).ok());
  EXPECT_EQ(used(), 0U);
}

TEST_F(LeasesTest, AKilledWorkerLeavesNothingBehind) {
  Block kept = *leases_.Grant(driver_, 100'000);
  uint64_t before = used();
  for (int i = 0; i < 20; ++i) {
    Holder worker = *leases_.Join();
    std::vector<Block> granted;
    for (uint64_t bytes : {100U, 5000U, 50'000U, 1'000'000U}) granted.push_back(*leases_.Grant(worker, bytes));
    EXPECT_TRUE(leases_.Share(driver_, worker, kept.offset).ok());
    Child child([&]() -> int {
      // As wildly as may be, in all that is its own and in what it was lent.
      for (;;) {
        for (const Block& block : granted) std::memset(segment_.data() + block.offset, rand(), block.bytes);
        std::memset(segment_.data() + kept.offset, rand(), kept.bytes);
      }
    });
    child.Kill();
    EXPECT_EQ(leases_.Leave(worker)->blocks, 5U);
    EXPECT_EQ(used(), before);
  }
}

TEST_F(LeasesTest, WorkersMayLeaveWhileOthersLend) {
  std::atomic<bool> done{false};
  std::atomic<uint64_t> worker{uint64_t{worker_.slot} << 32U | worker_.generation};
  auto current = [&] {
    uint64_t packed = worker.load();
    return Holder{static_cast<uint32_t>(packed >> 32U), static_cast<uint32_t>(packed)};
  };
  std::vector<std::thread> lenders;
  for (int t = 0; t < 3; ++t) {
    lenders.emplace_back([&] {
      while (!done) {
        Result<Block> granted = leases_.Grant(current(), 100);
        Result<Block> mine = leases_.Grant(driver_, 50'000);
        if (!mine.ok()) continue;
        Status shared = leases_.Share(driver_, current(), mine->offset);
        Status moved = leases_.Move(driver_, current(), mine->offset);
        Status dropped = moved.ok() ? Status() : leases_.Drop(driver_, mine->offset);
        EXPECT_TRUE(dropped.ok());
        if (granted.ok()) (void)leases_.Drop(current(), granted->offset);
      }
    });
  }
  for (int i = 0; i < 100; ++i) {
    Holder next = *leases_.Join();
    Holder old = current();
    worker = uint64_t{next.slot} << 32U | next.generation;
    EXPECT_TRUE(leases_.Leave(old).ok());
  }
  done = true;
  for (std::thread& lender : lenders) lender.join();
  EXPECT_TRUE(leases_.Leave(current()).ok());
  EXPECT_EQ(used(), 0U);
}

TEST(GrantedBlocksTest, TakesTheSmallestThatFits) {
  GrantedBlocks blocks;
  EXPECT_EQ(blocks.Take(1), std::nullopt);
  for (uint64_t bytes : {16384U, 65536U, 20480U}) EXPECT_TRUE(blocks.Put({bytes * 10, bytes}));
  EXPECT_EQ(blocks.Take(65537), std::nullopt);
  EXPECT_EQ(blocks.Take(1000), std::nullopt) << "much too large";
  EXPECT_EQ(blocks.Take(16385)->bytes, 20480U);
  EXPECT_EQ(blocks.Take(16384)->bytes, 16384U);
  EXPECT_EQ(blocks.Take(16384)->bytes, 65536U);
  EXPECT_EQ(blocks.size(), 0U);
  for (size_t i = 0; i < GrantedBlocks::kMost; ++i) EXPECT_TRUE(blocks.Put({4096, 64}));
  EXPECT_FALSE(blocks.Put({4096, 64}));
}

}  // namespace
}  // namespace triune::compute::shm
