#include "compute/shm/spilling_arena.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace triune::compute::shm {
namespace {

using testing::HasSubstr;

constexpr uint64_t kMiB = 1U << 20U;

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "triune-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(DiskFileTest, HasNoNameAndTakesRoomOnlyWhereItIsReserved) {
  const Folder folder;
  auto file = DiskFile::Create(folder.path(), 64 * kMiB + 7);
  ASSERT_TRUE(file.ok()) << file.status().ToString();
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  EXPECT_EQ(file->size(), 64 * kMiB) << "whole pages";
  EXPECT_EQ(file->StoredBytes(), 0U);
  ASSERT_TRUE(file->Reserve(8 * kMiB, kMiB).ok());
  EXPECT_GE(file->StoredBytes(), kMiB);
  EXPECT_LT(file->StoredBytes(), 2 * kMiB);
  ASSERT_TRUE(file->Discard(8 * kMiB, kMiB).ok());
  EXPECT_LT(file->StoredBytes(), kMiB / 4);
}

TEST(DiskFileTest, SaysWhichDirectoryItCannotUse) {
  for (const char* directory : {"/no/such/directory", "/dev/null", "/proc"}) {
    const Status status = DiskFile::Create(directory, kMiB).status();
    EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition) << directory;
    EXPECT_THAT(status.ToString(), HasSubstr(directory));
  }
  EXPECT_EQ(DiskFile::Create("", 1).status().code(), StatusCode::kInvalidArgument);
}

TEST(DiskFileTest, OpensWhatAnotherHasMade) {
  const Folder folder;
  auto file = DiskFile::Create(folder.path(), kMiB);
  ASSERT_TRUE(file.ok());
  auto opened = DiskFile::Open(dup(file->fd()));
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened->size(), kMiB);
  EXPECT_FALSE(DiskFile::Open(-1).ok());
  EXPECT_FALSE(DiskFile::Open(open("/dev/null", O_RDONLY)).ok());
}

TEST(DiskFileTest, StaysWithinTheLargestFileOfTheProcess) {
  const Folder folder;
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit less = before;
  less.rlim_cur = 2 * kMiB;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &less), 0);
  {
    auto file = DiskFile::Create(folder.path(), 64 * kMiB);
    ASSERT_TRUE(file.ok()) << file.status().ToString();
    EXPECT_EQ(file->size(), 2 * kMiB);
    EXPECT_TRUE(file->Reserve(0, 2 * kMiB).ok());
    EXPECT_EQ(Segment::Create(4 * kMiB).status().code(), StatusCode::kResourceExhausted);
  }
  setrlimit(RLIMIT_FSIZE, &before);
}

class SpillingArenaTest : public ::testing::Test {
 protected:
  static Segment MakeSegment(const std::string& directory) {
    return *Segment::Create(kMiB + Segment::kHeaderBytes, *DiskFile::Create(directory, 8 * kMiB));
  }
  Block Get(uint64_t bytes) {
    Result<Block> block = arena_->Allocate(bytes);
    EXPECT_TRUE(block.ok()) << block.status().ToString();
    return block.ok() ? *block : Block();
  }
  bool IsOnDisk(const Block& block) const { return block.offset >= segment_.disk_begin(); }

  Folder folder_;
  Segment segment_ = MakeSegment(folder_.path());
  std::unique_ptr<SpillingArena> arena_ = *SpillingArena::Create(segment_, kMiB);
};

TEST_F(SpillingArenaTest, UsesTheDiskWhenMemoryIsFull) {
  const Block first = Get(512 * 1024);
  const Block second = Get(512 * 1024);
  EXPECT_FALSE(IsOnDisk(first));
  EXPECT_FALSE(IsOnDisk(second));
  const Block third = Get(kMiB);
  const Block small = Get(100);
  EXPECT_TRUE(IsOnDisk(third));
  EXPECT_TRUE(IsOnDisk(small));
  SpillStatistics now = arena_->statistics();
  EXPECT_EQ(now.memory_limit, kMiB);
  EXPECT_EQ(now.memory_used, kMiB);
  EXPECT_EQ(now.spill_limit, 8 * kMiB);
  EXPECT_EQ(now.spilled, kMiB + small.bytes);
  EXPECT_EQ(now.objects, 4U);
  EXPECT_EQ(now.spilled_objects, 2U);
  EXPECT_GE(segment_.disk()->StoredBytes(), kMiB);
  std::memset(segment_.data() + third.offset, 7, third.bytes);
  EXPECT_EQ(segment_.data()[third.offset + third.bytes - 1], std::byte{7});

  ASSERT_TRUE(arena_->Free(first.offset).ok());
  EXPECT_FALSE(IsOnDisk(Get(512 * 1024))) << "there is room in memory again";
  ASSERT_TRUE(arena_->Free(third.offset).ok());
  ASSERT_TRUE(arena_->Free(small.offset).ok());
  EXPECT_EQ(arena_->Free(small.offset).code(), StatusCode::kNotFound);
  now = arena_->statistics();
  EXPECT_EQ(now.spilled, 0U);
  EXPECT_EQ(now.spilled_ever, kMiB + small.bytes);
  EXPECT_EQ(now.spilled_objects_ever, 2U);
  EXPECT_LT(segment_.disk()->StoredBytes(), kMiB / 2) << "but for a slab that is kept";
}

TEST_F(SpillingArenaTest, OtherProcessesHaveTheSamePlaces) {
  while (!IsOnDisk(Get(256 * 1024))) {
  }
  const Block block = Get(kMiB);
  std::memset(segment_.data() + block.offset, 5, block.bytes);
  auto other = Segment::Open(dup(segment_.fd()), *DiskFile::Open(dup(segment_.disk()->fd())));
  ASSERT_TRUE(other.ok()) << other.status().ToString();
  EXPECT_EQ(other->size(), segment_.size());
  EXPECT_NE(other->data(), segment_.data());
  EXPECT_EQ((*other->Slice(block))[kMiB - 1], std::byte{5});
  (*other->Slice(block))[0] = std::byte{6};
  EXPECT_EQ(segment_.data()[block.offset], std::byte{6});
}

TEST_F(SpillingArenaTest, IsFullWhenBothAre) {
  std::vector<Block> blocks;
  for (int i = 0; i < 9; ++i) blocks.push_back(Get(kMiB));
  EXPECT_EQ(arena_->Allocate(kMiB).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(arena_->Allocate(1).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(arena_->Allocate(uint64_t{1} << 62U).status().code(), StatusCode::kResourceExhausted);
  for (const Block& block : blocks) ASSERT_TRUE(arena_->Free(block.offset).ok());
  EXPECT_EQ(arena_->statistics().objects, 0U);
  EXPECT_LT(segment_.disk()->StoredBytes(), kMiB);
}

TEST_F(SpillingArenaTest, AFullDiskIsAnErrorBeforeAnythingIsWritten) {
  if (mount("none", folder_.path().c_str(), "tmpfs", 0, "size=4m") != 0) GTEST_SKIP() << "may not mount a small disk";
  {
    Segment segment = MakeSegment(folder_.path());
    auto arena = *SpillingArena::Create(segment, 0);
    std::vector<Block> blocks;
    Result<Block> block = arena->Allocate(kMiB);
    for (; block.ok(); block = arena->Allocate(kMiB)) {
      std::memset(segment.data() + block->offset, 1, block->bytes);
      blocks.push_back(*block);
    }
    EXPECT_GE(blocks.size(), 4U);
    EXPECT_LE(blocks.size(), 5U);
    EXPECT_EQ(block.status().code(), StatusCode::kResourceExhausted);
    EXPECT_THAT(arena->last_failure().ToString(), HasSubstr("No space left"));
    ASSERT_TRUE(arena->Free(blocks.back().offset).ok());
    EXPECT_TRUE(arena->Allocate(kMiB / 2).ok()) << "what was freed is there again";
  }
  umount(folder_.path().c_str());
}

TEST_F(SpillingArenaTest, StressFromSeveralThreads) {
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      std::mt19937 random(t);
      std::vector<Block> mine;
      auto release = [&](size_t which) {
        const Block block = mine[which];
        const auto mark = static_cast<std::byte>(t + 1);
        EXPECT_EQ(segment_.data()[block.offset], mark);
        EXPECT_EQ(segment_.data()[block.offset + block.bytes - 1], mark);
        EXPECT_TRUE(arena_->Free(block.offset).ok());
        mine[which] = mine.back();
        mine.pop_back();
      };
      for (int i = 0; i < 400; ++i) {
        Result<Block> block = arena_->Allocate(1 + random() % (random() % 4 == 0 ? 600'000 : 5'000));
        if (block.ok()) {
          segment_.data()[block->offset] = static_cast<std::byte>(t + 1);
          segment_.data()[block->offset + block->bytes - 1] = static_cast<std::byte>(t + 1);
          mine.push_back(*block);
        }
        while (!mine.empty() && (!block.ok() || mine.size() > 20)) {
          release(random() % mine.size());
          if (random() % 3 == 0) break;
        }
      }
      while (!mine.empty()) release(0);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(arena_->statistics().objects, 0U);
  EXPECT_EQ(arena_->statistics().spilled, 0U);
}

}  // namespace
}  // namespace triune::compute::shm
