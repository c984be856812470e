#include "compute/shm/arena.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <map>
#include <random>
#include <thread>
#include <vector>

namespace triune::compute::shm {
namespace {

constexpr uint64_t kMiB = 1U << 20U;

TEST(SizeClassesTest, FitCloselyAndAscend) {
  for (uint64_t bytes = 1; bytes <= kLargestClassBytes; ++bytes) {
    size_t index = ClassOf(bytes);
    ASSERT_LT(index, kSizeClasses);
    ASSERT_GE(BytesOfClass(index), bytes);
    if (index > 0) {
      ASSERT_LT(BytesOfClass(index - 1), bytes);
    }
  }
  for (size_t i = 0; i < kSizeClasses; ++i) {
    uint64_t slab = SlabPagesOfClass(i) * kPageBytes;
    EXPECT_EQ(BytesOfClass(i) % kBlockAlignment, 0U);
    EXPECT_GE(slab / BytesOfClass(i), 8U);
    EXPECT_LE(slab / BytesOfClass(i), Slab::kMostBlocks);
    EXPECT_LT(slab % BytesOfClass(i), slab / 8);
  }
}

class ArenaTest : public ::testing::Test {
 protected:
  void ExpectAllFree() {
    arena_->Trim();
    ArenaStatistics now = arena_->statistics();
    EXPECT_EQ(now.used, 0U);
    EXPECT_EQ(now.large_blocks, 0U);
    EXPECT_EQ(now.free, now.capacity);
    EXPECT_EQ(now.free_runs, 1U);
    EXPECT_EQ(now.largest_free_run, now.capacity);
    for (const auto& size_class : now.classes) EXPECT_EQ(size_class.slabs, 0U);
  }

  Segment segment_ = *Segment::Create(32 * kMiB);
  std::unique_ptr<Arena> arena_ = *Arena::Create(segment_);
};

TEST_F(ArenaTest, GivesBlocksOfTheSizeAskedForOrMore) {
  for (uint64_t bytes : {0U, 1U, 64U, 65U, 1000U, 32768U, 32769U, 1U << 20U}) {
    Result<Block> block = arena_->Allocate(bytes);
    ASSERT_TRUE(block.ok()) << block.status().ToString();
    EXPECT_GE(block->bytes, bytes);
    EXPECT_LE(block->bytes, bytes + bytes / 4 + 64);
    EXPECT_EQ(block->offset % kBlockAlignment, 0U);
    EXPECT_TRUE(segment_.Slice(*block).ok());
    EXPECT_EQ(*arena_->Find(block->offset), *block);
    EXPECT_TRUE(arena_->Free(block->offset).ok());
    EXPECT_FALSE(arena_->Find(block->offset).ok());
  }
  ExpectAllFree();
}

TEST_F(ArenaTest, AgreesWithAModel) {
  std::mt19937 random(7);
  std::map<uint64_t, uint64_t> blocks;  // offset -> bytes
  uint64_t used = 0;
  int refused = 0;
  auto size = [&] {
    uint64_t most = random() % 3 == 0 ? 1U << 18U : 2000;
    return random() % most;
  };
  for (int step = 0; step < 40'000; ++step) {
    // Waves, so that it is full at times and nearly empty at others.
    bool more = random() % 100 < (step / 5000 % 2 == 0 ? 85U : 25U);
    if (more || blocks.empty()) {
      uint64_t bytes = size();
      Result<Block> block = arena_->Allocate(bytes);
      if (!block.ok()) {
        ASSERT_EQ(block.status().code(), StatusCode::kResourceExhausted);
        ASSERT_GT(used, 16 * kMiB);
        ++refused;
        continue;
      }
      ASSERT_GE(block->bytes, bytes);
      ASSERT_EQ(block->offset % kBlockAlignment, 0U);
      auto [here, fresh] = blocks.emplace(block->offset, block->bytes);
      ASSERT_TRUE(fresh);
      auto next = std::next(here);
      ASSERT_TRUE(next == blocks.end() || block->offset + block->bytes <= next->first);
      ASSERT_TRUE(here == blocks.begin() || std::prev(here)->first + std::prev(here)->second <= block->offset);
      used += block->bytes;
    } else {
      auto block = blocks.lower_bound(random() % (32 * kMiB));
      if (block == blocks.end()) block = blocks.begin();
      ASSERT_TRUE(arena_->Free(block->first).ok());
      used -= block->second;
      blocks.erase(block);
    }
    if (step % 1000 == 0) {
      ASSERT_EQ(arena_->statistics().used, used);
    }
  }
  EXPECT_GT(refused, 0);
  EXPECT_EQ(arena_->statistics().used, used);
  for (const auto& [offset, bytes] : blocks) ASSERT_TRUE(arena_->Free(offset).ok());
  ExpectAllFree();
}

TEST_F(ArenaTest, RefusesToFreeWhatIsNoBlock) {
  Block small = *arena_->Allocate(100);
  Block large = *arena_->Allocate(kMiB);
  for (uint64_t offset :
       {uint64_t{0}, uint64_t{8}, small.offset + 1, small.offset + 64, small.offset + small.bytes, large.offset + 64,
        large.offset + kPageBytes, large.offset + large.bytes, segment_.size(), UINT64_MAX}) {
    EXPECT_EQ(arena_->Free(offset).code(), StatusCode::kNotFound) << offset;
    EXPECT_EQ(arena_->Find(offset).status().code(), StatusCode::kNotFound) << offset;
  }
  EXPECT_EQ(arena_->statistics().used, small.bytes + large.bytes);
  EXPECT_TRUE(arena_->Free(small.offset).ok());
  EXPECT_TRUE(arena_->Free(large.offset).ok());
  EXPECT_EQ(arena_->Free(small.offset).ToString(),
            "NOT_FOUND: no block of shared memory is allocated at " + std::to_string(small.offset));
  EXPECT_EQ(arena_->Free(large.offset).code(), StatusCode::kNotFound);
  arena_->Trim();
  EXPECT_EQ(arena_->Free(small.offset).code(), StatusCode::kNotFound) << "its slab is gone, too";
  ExpectAllFree();
}

TEST_F(ArenaTest, SaysWhatThereIsWhenItIsFull) {
  EXPECT_EQ(arena_->Allocate(33 * kMiB).status().ToString(),
            "RESOURCE_EXHAUSTED: no room in shared memory: want 34603008 bytes, largest free run 33550336, used 0 of "
            "33550336");
  EXPECT_EQ(arena_->Allocate(UINT64_MAX).status().code(), StatusCode::kResourceExhausted);
  std::vector<Block> blocks;
  while (true) {
    Result<Block> block = arena_->Allocate(5000);
    if (!block.ok()) break;
    blocks.push_back(*block);
  }
  // 511 slabs of 12, then single blocks of the 15 pages that are left.
  EXPECT_LT(arena_->statistics().free, 2 * kPageBytes);
  EXPECT_EQ(blocks.size(), 511U * 12 + 7);
  for (const Block& block : blocks) EXPECT_TRUE(arena_->Free(block.offset).ok());
  EXPECT_TRUE(arena_->Allocate(31 * kMiB).ok()) << "empty slabs do not stand in the way";
}

TEST_F(ArenaTest, KeepsOneEmptySlab) {
  Block first = *arena_->Allocate(4096);
  EXPECT_TRUE(arena_->Free(first.offset).ok());
  auto slabs = [&] { return arena_->statistics().classes[ClassOf(4096)].slabs; };
  EXPECT_EQ(slabs(), 1U);
  std::vector<Block> blocks;
  for (int i = 0; i < 100; ++i) blocks.push_back(*arena_->Allocate(4096));
  EXPECT_EQ(slabs(), 7U);
  for (const Block& block : blocks) EXPECT_TRUE(arena_->Free(block.offset).ok());
  EXPECT_EQ(slabs(), 1U);
  ExpectAllFree();
}

TEST(ArenaRangeTest, StaysInItsPart) {
  Segment segment = *Segment::Create(kMiB);
  auto arena = *Arena::Create(segment, {.begin = 100'000, .end = 300'000});
  EXPECT_EQ(arena->statistics().capacity, 73 * kPageBytes - 25 * kPageBytes);
  Block all = *arena->Allocate(arena->statistics().capacity);
  EXPECT_EQ(all.offset, 25 * kPageBytes);
  EXPECT_EQ(arena->Allocate(1).status().code(), StatusCode::kResourceExhausted);
  for (auto [begin, end] : {std::pair{uint64_t{0}, UINT64_MAX},
                            {kMiB, UINT64_MAX},
                            {8192, 8192},
                            {8193, 16383},
                            {UINT64_MAX, UINT64_MAX},
                            {300'000, 100'000}}) {
    EXPECT_EQ(Arena::Create(segment, {.begin = begin, .end = end}).status().code(), StatusCode::kInvalidArgument)
        << begin;
  }
}

TEST_F(ArenaTest, ServesManyThreads) {
  std::vector<std::thread> threads;
  std::atomic<int> errors{0};
  for (unsigned t = 1; t <= 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      std::vector<Block> mine;
      auto marked = [&](const Block& block) {
        std::byte* data = segment_.data() + block.offset;
        return data[0] == std::byte(t) && data[block.bytes - 1] == std::byte(t);
      };
      for (int i = 0; i < 5000; ++i) {
        if (random() % 2 == 0 || mine.empty()) {
          Result<Block> block = arena_->Allocate(random() % (random() % 8 == 0 ? 100'000 : 1000));
          if (!block.ok()) continue;
          segment_.data()[block->offset] = segment_.data()[block->offset + block->bytes - 1] = std::byte(t);
          mine.push_back(*block);
        } else {
          std::swap(mine[random() % mine.size()], mine.back());
          if (!marked(mine.back()) || !arena_->Free(mine.back().offset).ok()) ++errors;
          mine.pop_back();
        }
        if (i % 1000 == 0) arena_->Trim();
      }
      for (const Block& block : mine) {
        if (!marked(block) || !arena_->Free(block.offset).ok()) ++errors;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(errors, 0);
  ExpectAllFree();
}

TEST_F(ArenaTest, FreesOnceHoweverManyThreadsTry) {
  for (uint64_t bytes : {100U, 100'000U}) {
    std::vector<Block> blocks;
    for (int i = 0; i < 200; ++i) blocks.push_back(*arena_->Allocate(bytes));
    std::atomic<size_t> freed{0};
    auto free_all = [&] {
      for (const Block& block : blocks) freed += arena_->Free(block.offset).ok() ? 1 : 0;
    };
    std::thread other(free_all);
    free_all();
    other.join();
    EXPECT_EQ(freed, blocks.size());
    ExpectAllFree();
  }
}

}  // namespace
}  // namespace triune::compute::shm
