#include "compute/shm/segment.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "compute/shm/testing/child.h"

namespace triune::compute::shm {
namespace {

constexpr uint64_t kMiB = 1U << 20U;

/// A file of memory that begins with these words.
int FileOf(std::initializer_list<uint64_t> words, uint64_t size, int seals) {
  int fd = memfd_create("test", MFD_ALLOW_SEALING);
  EXPECT_EQ(ftruncate(fd, static_cast<off_t>(size)), 0);
  EXPECT_EQ(pwrite(fd, words.begin(), words.size() * 8, 0), static_cast<ssize_t>(words.size() * 8));
  EXPECT_EQ(fcntl(fd, F_ADD_SEALS, seals), 0);
  return fd;
}

TEST(SegmentTest, IsSharedAtAnotherAddress) {
  Segment segment = *Segment::Create(kMiB);
  std::memcpy(segment.data() + 5000, "question", 9);
  Child child([&] {
    // The mapping that was inherited keeps its place, so that this one is elsewhere.
    Result<Segment> mine = Segment::Open(dup(segment.fd()));
    if (!mine.ok() || mine->data() == segment.data() || mine->size() != segment.size()) return 1;
    if (std::strcmp(reinterpret_cast<char*>(mine->data() + 5000), "question") != 0) return 2;
    std::memcpy(mine->Slice(5000, 7)->data(), "answer", 7);
    return 0;
  });
  EXPECT_EQ(child.Join(), 0);
  EXPECT_STREQ(reinterpret_cast<char*>(segment.data() + 5000), "answer");
}

TEST(SegmentTest, CannotChangeItsSize) {
  Segment segment = *Segment::Create(kMiB);
  EXPECT_NE(ftruncate(segment.fd(), 4096), 0);
  EXPECT_NE(ftruncate(segment.fd(), 2 * kMiB), 0);
}

TEST(SegmentTest, TakesMemoryOnlyWhereTouched) {
  Segment segment = *Segment::Create(uint64_t{1} << 36U);
  uint64_t before = segment.ResidentBytes();
  EXPECT_LE(before, 2 * kMiB) << "a huge page at most";
  std::memset(segment.data() + 64 * kMiB, 1, 16 * kMiB);
  EXPECT_GE(segment.ResidentBytes(), 16 * kMiB);
  ASSERT_TRUE(segment.Discard({64 * kMiB, 16 * kMiB}).ok());
  EXPECT_EQ(segment.ResidentBytes(), before);
  EXPECT_EQ(segment.data()[64 * kMiB], std::byte{0});
}

TEST(SegmentTest, DiscardsWholePagesOnly) {
  Segment segment = *Segment::Create(kMiB);
  auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  std::memset(segment.data() + page, 1, 4 * page);
  ASSERT_TRUE(segment.Discard({page + 1, 3 * page - 2}).ok());
  EXPECT_EQ(segment.data()[2 * page - 1], std::byte{1});
  EXPECT_EQ(segment.data()[2 * page], std::byte{0});
  EXPECT_EQ(segment.data()[3 * page - 1], std::byte{0});
  EXPECT_EQ(segment.data()[3 * page], std::byte{1});
  EXPECT_TRUE(segment.Discard({page + 1, 10}).ok()) << "no whole page";
  EXPECT_EQ(segment.data()[page], std::byte{1});
}

TEST(SegmentTest, SlicesStayInside) {
  Segment segment = *Segment::Create(kMiB);
  EXPECT_EQ(segment.Slice(4096, kMiB - 4096)->size(), kMiB - 4096);
  EXPECT_EQ(segment.Slice(kMiB, 0)->size(), 0U);
  for (Block wrong : {Block{0, 8}, Block{4095, 8}, Block{kMiB - 7, 8}, Block{8192, UINT64_MAX - 4096},
                      Block{UINT64_MAX, 2}, Block{kMiB + 1, 0}}) {
    EXPECT_EQ(segment.Slice(wrong).status().code(), StatusCode::kInvalidArgument) << wrong.offset;
    EXPECT_EQ(segment.Discard(wrong).code(), StatusCode::kInvalidArgument) << wrong.offset;
  }
}

TEST(SegmentTest, OpensNothingElse) {
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  Segment good = *Segment::Create(kMiB);
  uint64_t magic = 0;
  std::memcpy(&magic, good.data(), 8);
  EXPECT_EQ(Segment::Open(-1).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Segment::Open(open("/dev/null", O_RDWR)).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Segment::Open(FileOf({magic, 1, 64}, 64, kSeals)).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Segment::Open(FileOf({magic, 1, kMiB}, kMiB, 0)).status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(Segment::Open(FileOf({magic + 1, 1, kMiB}, kMiB, kSeals)).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Segment::Open(FileOf({magic, 2, kMiB}, kMiB, kSeals)).status().ToString(),
            "FAILED_PRECONDITION: version of shared memory: got 2, want 1");
  EXPECT_EQ(Segment::Open(FileOf({magic, 1, 2 * kMiB}, kMiB, kSeals)).status().ToString(),
            "INVALID_ARGUMENT: size of shared memory: got 1048576, want 2097152");
  EXPECT_TRUE(Segment::Open(FileOf({magic, 1, kMiB}, kMiB, kSeals)).ok());
}

TEST(SegmentTest, RefusesSizesThatCannotBe) {
  EXPECT_EQ(Segment::Create(0).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Segment::Create(Segment::kHeaderBytes).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Segment::Create(UINT64_MAX).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Segment::Create(Segment::kHeaderBytes + 1)->size() % 4096, 0U);
}

TEST(SegmentTest, Moves) {
  Segment a = *Segment::Create(kMiB);
  std::byte* data = a.data();
  Segment b = std::move(a);
  EXPECT_EQ(b.data(), data);
  Segment c = *Segment::Create(2 * kMiB);
  c = std::move(b);
  EXPECT_EQ(c.data(), data);
  EXPECT_EQ(c.size(), kMiB);
}

}  // namespace
}  // namespace triune::compute::shm
