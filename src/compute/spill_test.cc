// More values than there is memory for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "compute/local/local_engine.h"
#include "compute/process/worker_engine.h"
#include "compute/testing/stress.h"
#include "triune/core.h"
#include "triune/core/remote.h"

namespace triune::spill_test {

/// What all bytes are; -1: not the same.
int Mark(const Buffer& bytes) {
  const auto* begin = bytes.data();
  const bool all = std::all_of(begin, begin + bytes.size(), [&](std::byte each) { return each == *begin; });
  return bytes.empty() || !all ? -1 : static_cast<int>(*begin);
}
Buffer Marked(size_t size, int mark) {
  Buffer bytes = Buffer::Allocate(size);
  std::memset(bytes.mutable_data(), mark, size);
  return bytes;
}
int MarkOfOwn(size_t size) {
  Session& session = *Session::Current();
  auto bytes = session.PutBytes(std::vector<std::byte>(size, std::byte{11}));
  auto there = session.Get(bytes);
  return there.ok() ? Mark(*there) : -1;
}

}  // namespace triune::spill_test

TRIUNE_REMOTE(triune::spill_test::Mark, triune::spill_test::Marked, triune::spill_test::MarkOfOwn);

namespace triune::spill_test {
namespace {

using compute::Eventually;
using compute::HasKind;
using testing::HasSubstr;

constexpr size_t kMiB = 1U << 20U;

class SpillTest : public ::testing::Test {
 protected:
  SpillTest() {
    std::string name = (std::filesystem::temp_directory_path() / "triune-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~SpillTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  SessionOptions Options(uint64_t memory, uint64_t disk) const {
    return {.cpus = 2, .object_memory = memory, .spill_directory = folder_, .spill_limit = disk};
  }
  static compute::shm::SpillStatistics StatisticsOf(Session& session) {
    return static_cast<compute::LocalEngine&>(compute::WorkerSession::EngineOf(session)).spill_statistics();
  }
  static ObjectRef<Buffer> Put(Session& session, size_t size, int mark) {
    return session.PutBytes(std::vector<std::byte>(size, static_cast<std::byte>(mark)));
  }
  std::string folder_;
};

TEST_F(SpillTest, WhatDoesNotFitIsOnDiskAndReadInItsPlace) {
  Session session(Options(4 * kMiB, 64 * kMiB));
  auto process = session.With({.isolation = kProcess});
  std::vector<ObjectRef<Buffer>> all;
  for (int i = 0; i < 32; ++i) all.push_back(Put(session, kMiB, i));
  EXPECT_TRUE(std::filesystem::is_empty(folder_)) << "nothing that could be left behind";
  const auto full = StatisticsOf(session);
  EXPECT_EQ(full.objects, 32U);
  EXPECT_LE(full.memory_used, 4 * kMiB);
  EXPECT_GE(full.spilled, 28 * kMiB);
  EXPECT_EQ(full.spilled_objects, full.spilled / kMiB);
  EXPECT_EQ(full.memory_used + full.spilled, 32 * kMiB);
  for (int i = 0; i < 32; ++i) {
    auto there = session.Get(all[static_cast<size_t>(i)]);
    ASSERT_TRUE(there.ok()) << there.status().ToString();
    EXPECT_EQ(Mark(*there), i);
    EXPECT_EQ(*session.Get(process.Submit(Mark, all[static_cast<size_t>(i)])), i);
  }
  all.clear();
  EXPECT_TRUE(Eventually([&] { return StatisticsOf(session).objects == 0; }));
  const auto after = StatisticsOf(session);
  EXPECT_EQ(after.memory_used, 0U);
  EXPECT_EQ(after.spilled, 0U);
  EXPECT_EQ(after.spilled_ever, full.spilled);
}

TEST_F(SpillTest, ResultsAndArgumentsOfProcesses) {
  Session session(Options(kMiB, 64 * kMiB));
  auto process = session.With({.isolation = kProcess});
  auto small = process.Submit(Marked, 20'000, 1);
  auto large = process.Submit(Marked, 8 * kMiB, 2);
  EXPECT_EQ(*session.Get(process.Submit(Mark, small)), 1);
  EXPECT_EQ(*session.Get(process.Submit(Mark, large)), 2);
  EXPECT_EQ(*session.Get(process.Submit(Mark, Marked(6 * kMiB, 3))), 3);
  EXPECT_EQ(*session.Get(process.Submit(MarkOfOwn, 5 * kMiB)), 11);
  EXPECT_GE(StatisticsOf(session).spilled, 8 * kMiB);
  EXPECT_TRUE(session.Free(large).ok());
  EXPECT_TRUE(Eventually([&] { return StatisticsOf(session).spilled < kMiB; }));
}

TEST_F(SpillTest, WithNoRoomAtAllItIsAClearError) {
  Session session(Options(kMiB, 2 * kMiB));
  auto process = session.With({.isolation = kProcess});
  const Status put = session.Get(Put(session, 5 * kMiB, 1)).status();
  EXPECT_TRUE(HasKind(put, ErrorKind::kObjectStoreFull));
  EXPECT_EQ(put.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(put.ToString(), HasSubstr("5242880 bytes"));
  EXPECT_THAT(put.ToString(), HasSubstr("of 1048576 are in use in shared memory"));
  EXPECT_THAT(put.ToString(), HasSubstr("of 2097152 on disk, in " + folder_));
  EXPECT_TRUE(HasKind(session.Get(process.Submit(Marked, 5 * kMiB, 1)).status(), ErrorKind::kObjectStoreFull));
  EXPECT_TRUE(HasKind(session.Get(process.Submit(Mark, Marked(5 * kMiB, 1))).status(), ErrorKind::kObjectStoreFull));
  EXPECT_EQ(*session.Get(process.Submit(MarkOfOwn, 5 * kMiB)), -1);
  auto fits = Put(session, kMiB + kMiB / 2, 7);
  EXPECT_EQ(*session.Get(process.Submit(Mark, fits)), 7);
  EXPECT_TRUE(HasKind(session.Get(Put(session, kMiB + kMiB / 2, 8)).status(), ErrorKind::kObjectStoreFull));
  EXPECT_TRUE(session.Free(fits).ok());
  EXPECT_TRUE(Eventually([&] { return session.Get(Put(session, kMiB + kMiB / 2, 8)).ok(); })) << "what was freed";
}

TEST_F(SpillTest, ADirectoryThatCanNotBeUsedIsNamedWhenItIsNeeded) {
  for (const std::string& directory : std::vector<std::string>{folder_ + "/missing", "/dev/null"}) {
    Session session({.cpus = 1, .object_memory = kMiB, .spill_directory = directory});
    auto process = session.With({.isolation = kProcess});
    auto fits = Put(session, kMiB / 2, 1);
    EXPECT_EQ(*session.Get(process.Submit(Mark, fits)), 1);
    const Status status = session.Get(Put(session, kMiB, 1)).status();
    EXPECT_TRUE(HasKind(status, ErrorKind::kObjectStoreFull));
    EXPECT_THAT(status.ToString(), HasSubstr("can't spill objects to the directory " + directory));
  }
}

TEST_F(SpillTest, NorOneThatMayNotBeWritten) {
  if (geteuid() == 0) GTEST_SKIP() << "root may";
  std::filesystem::permissions(folder_, std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  Session session(Options(kMiB, 0));
  EXPECT_THAT(session.Get(Put(session, 2 * kMiB, 1)).status().ToString(), HasSubstr("Permission denied"));
}

TEST_F(SpillTest, CanBeTurnedOff) {
  Session session(Options(kMiB, 1));
  const Status status = session.Get(Put(session, 2 * kMiB, 1)).status();
  EXPECT_TRUE(HasKind(status, ErrorKind::kObjectStoreFull));
  EXPECT_THAT(status.ToString(), HasSubstr("spill_limit"));
}

TEST_F(SpillTest, AFullDisk) {
  if (mount("none", folder_.c_str(), "tmpfs", 0, "size=3m") != 0) GTEST_SKIP() << "may not mount a small disk";
  {
    Session session(Options(kMiB, 64 * kMiB));
    auto process = session.With({.isolation = kProcess});
    std::vector<ObjectRef<Buffer>> all;
    Status status;
    while (status.ok() && all.size() < 10) {
      all.push_back(process.Submit(Marked, kMiB - 8192, static_cast<int>(all.size())));
      status = session.Get(all.back()).status();
    }
    EXPECT_TRUE(HasKind(status, ErrorKind::kObjectStoreFull));
    EXPECT_THAT(status.ToString(), HasSubstr("No space left"));
    EXPECT_GE(all.size(), 4U);
    for (size_t i = 0; i + 1 < all.size(); ++i) EXPECT_EQ(Mark(*session.Get(all[i])), static_cast<int>(i));
    all.pop_back();
    EXPECT_TRUE(session.Free(all.back()).ok());
    EXPECT_TRUE(Eventually([&] { return session.Get(Put(session, kMiB / 2, 1)).ok(); }));
  }
  // A process that is about to end may have the file still.
  umount2(folder_.c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace triune::spill_test
