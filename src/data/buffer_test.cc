#include "triune/buffer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <new>
#include <string_view>
#include <thread>
#include <vector>

namespace triune {
namespace {

Buffer Text(std::string_view text) { return Buffer::CopyOf(std::as_bytes(std::span(text))); }
std::string_view AsText(const Buffer& buffer) { return {reinterpret_cast<const char*>(buffer.data()), buffer.size()}; }

TEST(BufferTest, EmptyHasNothing) {
  Buffer buffer;
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.data(), nullptr);
  EXPECT_TRUE(buffer.bytes().empty());
  EXPECT_TRUE(Buffer::CopyOf({}).empty());
}

TEST(BufferTest, IsAlignedAndPaddedAtEverySize) {
  for (size_t size : {size_t{0}, size_t{1}, size_t{63}, size_t{64}, size_t{128}, size_t{4095}, size_t{65536},
                      (size_t{4} << 20U) - 200, (size_t{4} << 20U) + 1, size_t{9} << 20U}) {
    Buffer buffer = Buffer::Allocate(size);
    EXPECT_EQ(buffer.size(), size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % Buffer::kAlignment, 0U) << size;
    // Sanitizers see it when the padding is not there.
    std::memset(buffer.mutable_data(), 1, size + Buffer::kPadding);
  }
}

TEST(BufferTest, ImpossibleSizesThrow) {
  EXPECT_THROW((void)Buffer::Allocate(SIZE_MAX), std::bad_alloc);
  EXPECT_THROW((void)Buffer::Allocate(SIZE_MAX - 130), std::bad_alloc);
}

TEST(BufferTest, CopiesAndSlicesShareTheBlock) {
  Buffer buffer = Text("hello world");
  Buffer copy = buffer;
  Buffer slice = buffer.Slice(6, 5);
  EXPECT_EQ(copy.data(), buffer.data());
  EXPECT_EQ(slice.data(), buffer.data() + 6);
  buffer.Reset();
  copy = Buffer();
  EXPECT_EQ(AsText(slice), "world");
  EXPECT_EQ(AsText(slice.Slice(5, 0)), "");
}

TEST(BufferTest, MovingLeavesNothingBehind) {
  Buffer buffer = Text("abc");
  Buffer moved = std::move(buffer);
  EXPECT_EQ(AsText(moved), "abc");
  EXPECT_TRUE(buffer.empty());  // NOLINT(bugprone-use-after-move): what is promised
  EXPECT_EQ(buffer.data(), nullptr);
  Buffer& self = moved;
  moved = self;
  EXPECT_EQ(AsText(moved), "abc");
}

TEST(BufferTest, TruncateCutsAndGivesBack) {
  Buffer buffer = Text("abcdef");
  buffer.Truncate(2);
  EXPECT_EQ(AsText(buffer), "ab");
  buffer.Truncate(6);
  EXPECT_EQ(AsText(buffer), "abcdef");
}

TEST(BufferTest, AdoptedMemoryIsReleasedOnceByTheLast) {
  static constexpr char kText[] = "static";
  int released = 0;
  auto release = [](void* owner) { ++*static_cast<int*>(owner); };
  {
    Buffer buffer = Buffer::Adopt(kText, 6, &released, release);
    EXPECT_EQ(reinterpret_cast<const char*>(buffer.data()), kText);
    Buffer slice = buffer.Slice(1, 2);
    buffer.Reset();
    EXPECT_EQ(released, 0);
    EXPECT_EQ(AsText(slice), "ta");
  }
  EXPECT_EQ(released, 1);
  // The block of an adopted buffer goes back to the pool without its owner.
  Text("x").Reset();
  EXPECT_EQ(released, 1);
}

TEST(BufferTest, FreedBlocksAreUsedAgain) {
  const std::byte* first = Buffer::Allocate(1000).data();
  EXPECT_EQ(Buffer::Allocate(900).data(), first);
}

TEST(BufferTest, LastReferenceMayEndOnAnyThread) {
  constexpr int kRounds = 200;
  std::atomic<int> released{0};
  auto release = [](void* owner) { ++*static_cast<std::atomic<int>*>(owner); };
  for (int round = 0; round < kRounds; ++round) {
    Buffer buffer = Buffer::Adopt("abc", 3, &released, release);
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([copy = buffer] {
        Buffer another = copy;
        EXPECT_EQ(AsText(another), "abc");
      });
    }
    buffer.Reset();
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(released, kRounds);
}

TEST(BufferTest, OutlivesTheThreadThatAllocatedIt) {
  Buffer buffer;
  std::thread([&] { buffer = Text("from a thread"); }).join();
  EXPECT_EQ(AsText(buffer), "from a thread");
}

}  // namespace
}  // namespace triune
