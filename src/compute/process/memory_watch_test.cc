#include "compute/process/memory_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <memory>

#include "triune/core.h"
#include "triune/core/remote.h"

namespace triune::memory_watch_test {

constexpr size_t kMuch = size_t{640} << 20U;
constexpr uint64_t kLimit = uint64_t{512} << 20U;

/// Has much memory until it is ended.
[[noreturn]] void Grow() {
  auto memory = std::make_unique<char[]>(kMuch);
  while (true) {
    for (size_t i = 0; i < kMuch; i += 4096) static_cast<volatile char*>(memory.get())[i] = 1;
  }
}
int GrowAtFirst() {
  if (RuntimeContext::attempt() == 0) Grow();
  return RuntimeContext::attempt();
}
void EndBySignal(int signal) { kill(getpid(), signal); }
int One() { return 1; }

class Grower {
 public:
  void Grow() { memory_watch_test::Grow(); }
};

}  // namespace triune::memory_watch_test

TRIUNE_REMOTE(triune::memory_watch_test::Grow, triune::memory_watch_test::GrowAtFirst,
              triune::memory_watch_test::EndBySignal, triune::memory_watch_test::One);
TRIUNE_REMOTE_ACTOR(triune::memory_watch_test::Grower(), &triune::memory_watch_test::Grower::Grow);

namespace triune::memory_watch_test {
namespace {

using compute::OwnMemoryOf;
using testing::HasSubstr;
using testing::Not;

SessionOptions WithLimit() {
  SessionOptions options;
  options.worker_memory = kLimit;
  return options;
}

TEST(MemoryWatch, EndsAProcessThatHasTooMuch) {
  Session session(WithLimit());
  auto process = session.With({.isolation = kProcess});
  const Status status = session.Get(process.Submit(Grow));
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  ASSERT_NE(TaskError::Of(status), nullptr);
  EXPECT_EQ(TaskError::Of(status)->kind, ErrorKind::kOutOfMemory);
  EXPECT_THAT(status.ToString(), HasSubstr("512.0 MiB"));
  EXPECT_THAT(status.ToString(), HasSubstr("Grow"));
  EXPECT_EQ(session.Get(process.Submit(One)).value(), 1);
}

TEST(MemoryWatch, TheTaskIsTriedAgain) {
  Session session(WithLimit());
  EXPECT_EQ(session.Get(session.With({.retries = 2, .isolation = kProcess}).Submit(GrowAtFirst)).value(), 1);
}

TEST(MemoryWatch, AnActorDiesOfIt) {
  Session session(WithLimit());
  auto grower = session.CreateActor<Grower>({.isolation = kProcess});
  const Status status = session.Get(grower.Call(&Grower::Grow));
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(Describe(status), HasSubstr("512.0 MiB"));
}

TEST(MemoryWatch, KnowsWhatAProcessHasForItself) {
  const uint64_t before = OwnMemoryOf(getpid());
  EXPECT_GT(before, 0U);
  constexpr size_t kSize = size_t{64} << 20U;
  auto memory = std::make_unique<char[]>(kSize);
  std::memset(memory.get(), 1, kSize);
  EXPECT_GT(OwnMemoryOf(getpid()), before + kSize / 2);
  EXPECT_EQ(memory[kSize - 1], 1);
  EXPECT_EQ(OwnMemoryOf(-1), 0U);
}

TEST(MemoryWatch, SaysWhenItMayHaveBeenTheKernel) {
  Session session;
  auto process = session.With({.isolation = kProcess});
  const Status killed = session.Get(process.Submit(EndBySignal, SIGKILL));
  EXPECT_EQ(TaskError::Of(killed)->kind, ErrorKind::kWorkerCrashed);
  EXPECT_THAT(killed.ToString(), HasSubstr("probably for want of memory"));
  EXPECT_THAT(session.Get(process.Submit(EndBySignal, SIGTERM)).ToString(), Not(HasSubstr("probably")));
}

}  // namespace
}  // namespace triune::memory_watch_test
