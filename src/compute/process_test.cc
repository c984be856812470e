#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "triune/core.h"
#include "triune/core/remote.h"

namespace triune {
namespace {

int Square(int x) { return x * x; }
int Pid() { return getpid(); }
std::string Twice(const std::string& text) { return text + text; }
std::vector<double> Scaled(std::vector<double> values, double by) {
  for (double& value : values) value *= by;
  return values;
}
int SumOfNumbers(const Buffer& buffer) {
  int sum = 0;
  for (size_t i = 0; i < buffer.size() / sizeof(int); ++i) sum += reinterpret_cast<const int*>(buffer.data())[i];
  return sum;
}
ObjectRef<Buffer> MakesBytes(int size) {
  return Session::Current()->PutBytes(std::vector<std::byte>(static_cast<size_t>(size), std::byte{3}));
}
int Throws(int x) { throw std::runtime_error("no " + std::to_string(x)); }
Status Fails() { return NotFound("nothing there"); }
void Exits(int status) { std::exit(status); }
void Aborts() { std::abort(); }
Buffer SameBuffer(const Buffer& buffer) { return buffer; }
int Sum(const std::vector<ObjectRef<int>>& parts) {
  Session& session = *Session::Current();
  int sum = 0;
  for (const auto& part : parts) sum += session.Get(part).value();
  return sum;
}
/// A family of tasks, each in a process.
int Family(int depth) {
  if (depth == 0) return 1;
  Session& session = *Session::Current();
  auto left = session.Submit(Family, depth - 1);
  auto right = session.Submit(Family, depth - 1);
  return session.Get(left).value() + session.Get(right).value();
}
int SumOfSquares(int count) {
  Session& session = *Session::Current();
  std::vector<ObjectRef<int>> squares;
  for (int i = 0; i < count; ++i) squares.push_back(session.Submit(Square, i));
  squares.push_back(session.Put(1000));
  return session.Get(session.Submit(Sum, squares)).value();
}
ObjectRef<std::string> Later(const std::string& text) { return Session::Current()->Submit(Twice, text); }
void Sleeps() {
  while (!RuntimeContext::cancelled()) usleep(1000);
}
int WaitsFor(const std::vector<ObjectRef<int>>& one) { return Session::Current()->Get(one[0]).value(); }
Status WaitsForSleeper() {
  Session& session = *Session::Current();
  auto sleeper = session.Submit(Sleeps);
  Status status = session.Get(sleeper, std::chrono::milliseconds(10));
  session.Cancel(sleeper);
  return status;
}

class Counter {
 public:
  explicit Counter(int start) : value_(start) {
    if (start < 0) throw std::invalid_argument("negative");
  }
  int Add(int amount) { return value_ += amount; }
  int pid() const { return getpid(); }
  void Exit() { std::exit(2); }
  int Value() const { return value_; }
  int Wait(int until) {
    while (ready_.load() < until) usleep(100);
    return ready_.load();
  }
  void Ready() { ++ready_; }

 private:
  int value_;
  std::atomic<int> ready_{0};
};
int Unregistered() { return 1; }

}  // namespace
}  // namespace triune

TRIUNE_REMOTE(triune::SumOfNumbers, triune::MakesBytes, triune::Square, triune::Pid, triune::Twice, triune::Scaled,
              triune::Throws, triune::Fails, triune::Exits, triune::Aborts, triune::SameBuffer, triune::Sum,
              triune::Family, triune::SumOfSquares, triune::Later, triune::Sleeps, triune::WaitsFor,
              triune::WaitsForSleeper);
TRIUNE_REMOTE_ACTOR(triune::Counter(int), &triune::Counter::Add, &triune::Counter::pid, &triune::Counter::Exit,
                    &triune::Counter::Value, &triune::Counter::Wait, &triune::Counter::Ready);

namespace triune {
namespace {

template <typename T>
T ValueOf(Result<T> result) {
  EXPECT_TRUE(result.ok()) << Describe(result.status());
  return result.ok() ? *std::move(result) : T();
}

TEST(Process, RunsAFunctionInAnotherProcess) {
  Session session;
  auto process = session.With({.isolation = kProcess});
  const int pid = ValueOf(session.Get(process.Submit(Pid)));
  EXPECT_NE(pid, getpid());
  auto a = session.Submit(Square, 3);
  EXPECT_EQ(ValueOf(session.Get(process.Submit(Square, a))), 81);
  EXPECT_EQ(ValueOf(session.Get(process.Submit(Twice, std::string("ab")))), "abab");
}

TEST(Process, LargeValuesGoThroughSharedMemory) {
  Session session;
  auto process = session.With({.isolation = kProcess});
  std::vector<double> values(1 << 20, 1.5);
  const std::vector<double> scaled = ValueOf(session.Get(process.Submit(Scaled, values, 2)));
  EXPECT_EQ(scaled, std::vector<double>(1 << 20, 3));
  Buffer buffer = Buffer::CopyOf(std::as_bytes(std::span(values)));
  auto same = process.Submit(SameBuffer, process.Submit(SameBuffer, buffer));
  const Buffer result = ValueOf(session.Get(same));
  ASSERT_EQ(result.size(), buffer.size());
  EXPECT_EQ(std::memcmp(result.data(), buffer.data(), buffer.size()), 0);
}

TEST(Process, BytesAreReadInTheirPlace) {
  Session session;
  auto process = session.With({.isolation = kProcess});
  const std::vector<int> numbers(1 << 18, 7);
  auto bytes = session.PutBytes(std::as_bytes(std::span(numbers)));
  EXPECT_EQ(ValueOf(session.Get(bytes)).size(), sizeof(int) << 18);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ValueOf(session.Get(process.Submit(SumOfNumbers, bytes))), 7 << 18);
  auto made = process.Submit(MakesBytes, 1 << 20);
  const Buffer result = ValueOf(session.Get(ValueOf(session.Get(made))));
  ASSERT_EQ(result.size(), size_t{1} << 20);
  EXPECT_EQ(result.bytes().back(), std::byte{3});
  EXPECT_TRUE(ValueOf(session.Get(session.PutBytes({}))).empty());
}

TEST(Process, ErrorsComeBack) {
  Session session;
  auto process = session.With({.isolation = kProcess});
  Status thrown = session.Get(process.Submit(Throws, 3)).status();
  EXPECT_THAT(thrown.ToString(), testing::HasSubstr("threw std::runtime_error: no 3"));
  EXPECT_EQ(session.Get(process.Submit(Fails)).code(), StatusCode::kNotFound);
}

TEST(Process, ACrashCostsTheTaskOnly) {
  Session session;
  auto process = session.With({.isolation = kProcess});
  Status exited = session.Get(process.Submit(Exits, 3));
  EXPECT_EQ(TaskError::Of(exited)->kind, ErrorKind::kWorkerCrashed);
  EXPECT_THAT(exited.ToString(), testing::HasSubstr("ended with exit status 3"));
  Status aborted = session.Get(process.Submit(Aborts));
  EXPECT_THAT(aborted.ToString(), testing::HasSubstr("SIGABRT"));
  EXPECT_EQ(ValueOf(session.Get(process.Submit(Square, 3))), 9);
}

TEST(Process, AFunctionMustBeRegistered) {
  Session session;
  Status status = session.Get(session.With({.isolation = kProcess}).Submit(Unregistered)).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.ToString(), testing::HasSubstr("TRIUNE_REMOTE"));
}

TEST(ProcessNested, TasksSubmitAndWait) {
  Session session({.cpus = 2});
  auto process = session.With({.isolation = kProcess});
  EXPECT_EQ(ValueOf(session.Get(process.Submit(Family, 4))), 16);
  EXPECT_EQ(ValueOf(session.Get(process.Submit(SumOfSquares, 10))), 285 + 1000);
}

TEST(ProcessNested, ReferencesAreValues) {
  Session session({.cpus = 2});
  auto process = session.With({.isolation = kProcess});
  std::vector<ObjectRef<int>> parts = {session.Put(1), session.Submit(Square, 2), process.Submit(Square, 3)};
  EXPECT_EQ(ValueOf(session.Get(process.Submit(Sum, parts))), 14);
  auto later = ValueOf(session.Get(process.Submit(Later, std::string("ab"))));
  EXPECT_EQ(ValueOf(session.Get(later)), "abab");
}

TEST(ProcessNested, TimeoutsAndCancel) {
  Session session({.cpus = 2});
  auto process = session.With({.isolation = kProcess});
  Status status = session.Get(process.Submit(WaitsForSleeper));
  EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded) << Describe(status);
  auto endless = session.Submit([] {
    while (!RuntimeContext::cancelled()) usleep(1000);
    return 1;
  });
  auto waits = process.Submit(WaitsFor, std::vector<ObjectRef<int>>{endless});
  EXPECT_EQ(session.Get(waits, std::chrono::milliseconds(20)).status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(session.Cancel(waits));  // wakes it where it waits
  EXPECT_EQ(TaskError::Of(session.Get(waits).status())->kind, ErrorKind::kTaskCancelled);
  auto hangs = process.Submit(Sleeps);
  EXPECT_EQ(session.Get(hangs, std::chrono::milliseconds(20)).code(), StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(session.Cancel(hangs, {.force = true}));  // ends the process
  EXPECT_EQ(session.Get(hangs).code(), StatusCode::kCancelled);
  EXPECT_TRUE(session.Cancel(endless));
}

TEST(ProcessActor, HasAProcessOfItsOwn) {
  Session session;
  auto counter = session.CreateActor<Counter>({.isolation = kProcess}, 10);
  EXPECT_EQ(ValueOf(session.Get(counter.Call(&Counter::Add, 5))), 15);
  EXPECT_EQ(ValueOf(session.Get(counter.Call(&Counter::Add, session.Put(2)))), 17);
  EXPECT_NE(ValueOf(session.Get(counter.Call(&Counter::pid))), getpid());
}

TEST(ProcessActor, ManyCallsAreOnTheirWay) {
  Session session;
  auto counter = session.CreateActor<Counter>({.isolation = kProcess}, 0);
  std::vector<ObjectRef<int>> sums;
  for (int i = 0; i < 5000; ++i) sums.push_back(counter.Call(&Counter::Add, 1));
  for (int i = 0; i < 5000; ++i) ASSERT_EQ(ValueOf(session.Get(sums[static_cast<size_t>(i)])), i + 1);
}

TEST(ProcessActor, CallsBehindOneThatCrashesAreForTheNext) {
  Session session;
  auto counter = session.CreateActor<Counter>({.max_restarts = 1, .isolation = kProcess}, 100);
  std::vector<ObjectRef<int>> before;
  for (int i = 0; i < 20; ++i) before.push_back(counter.Call(&Counter::Add, 1));
  auto exits = counter.Call(&Counter::Exit);
  std::vector<ObjectRef<int>> after;
  for (int i = 0; i < 100; ++i) after.push_back(counter.Call(&Counter::Add, 1));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ValueOf(session.Get(before[static_cast<size_t>(i)])), 101 + i);
  EXPECT_EQ(TaskError::Of(session.Get(exits))->kind, ErrorKind::kActorUnavailable);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(ValueOf(session.Get(after[static_cast<size_t>(i)])), 101 + i);
}

TEST(ProcessActor, SeveralCallsAtATime) {
  Session session;
  auto counter = session.CreateActor<Counter>({.max_concurrency = 3, .isolation = kProcess}, 0);
  auto first = counter.Call(&Counter::Wait, 2);
  auto second = counter.Call(&Counter::Wait, 1);
  EXPECT_TRUE(session.Get(counter.Call(&Counter::Ready)).ok());
  EXPECT_GE(ValueOf(session.Get(second)), 1);
  EXPECT_TRUE(session.Get(counter.Call(&Counter::Ready)).ok());
  EXPECT_EQ(ValueOf(session.Get(first)), 2);
}

TEST(ProcessActor, KillEndsAllCalls) {
  Session session;
  auto counter = session.CreateActor<Counter>({.isolation = kProcess}, 0);
  std::vector<ObjectRef<int>> waits;
  for (int i = 0; i < 10; ++i) waits.push_back(counter.Call(&Counter::Wait, 1));
  EXPECT_EQ(session.Get(waits[0], std::chrono::milliseconds(10)).status().code(), StatusCode::kDeadlineExceeded);
  counter.Kill();
  for (auto& wait : waits) EXPECT_EQ(TaskError::Of(session.Get(wait).status())->kind, ErrorKind::kActorDied);
}

TEST(ProcessActor, DiesWithItsProcess) {
  Session session;
  auto counter = session.CreateActor<Counter>({.isolation = kProcess}, 10);
  Status status = session.Get(counter.Call(&Counter::Exit));
  EXPECT_EQ(TaskError::Of(status)->kind, ErrorKind::kActorDied) << Describe(status);
  EXPECT_THAT(status.ToString(), testing::HasSubstr("ended with exit status 2"));
  status = session.Get(counter.Call(&Counter::Add, 1)).status();
  EXPECT_EQ(TaskError::Of(status)->kind, ErrorKind::kActorDied);
}

TEST(ProcessActor, IsMadeAgain) {
  Session session;
  auto counter = session.CreateActor<Counter>({.max_restarts = 1, .isolation = kProcess}, 10);
  EXPECT_EQ(ValueOf(session.Get(counter.Call(&Counter::Add, 5))), 15);
  Status status = session.Get(counter.Call(&Counter::Exit));
  EXPECT_EQ(TaskError::Of(status)->kind, ErrorKind::kActorUnavailable) << Describe(status);
  EXPECT_EQ(ValueOf(session.Get(counter.Call(&Counter::Add, 1))), 11);
  status = session.Get(counter.Call(&Counter::Exit));
  EXPECT_EQ(TaskError::Of(status)->kind, ErrorKind::kActorDied) << Describe(status);
}

TEST(ProcessActor, AConstructorThatThrows) {
  Session session;
  auto counter = session.CreateActor<Counter>({.isolation = kProcess}, -1);
  Status status = session.Get(counter.Ready());
  EXPECT_THAT(status.ToString(), testing::HasSubstr("negative"));
  status = session.Get(counter.Call(&Counter::Add, 1)).status();
  EXPECT_EQ(TaskError::Of(status)->kind, ErrorKind::kActorDied) << Describe(status);
}

TEST(ProcessActor, Kill) {
  Session session;
  auto counter = session.CreateActor<Counter>({.max_restarts = 1, .isolation = kProcess}, 1);
  const int first = ValueOf(session.Get(counter.Call(&Counter::pid)));
  counter.Kill(true);
  const int second = ValueOf(session.Get(counter.Call(&Counter::pid)));
  EXPECT_NE(first, second);
  counter.Kill();
  Status status = session.Get(counter.Call(&Counter::pid)).status();
  EXPECT_EQ(TaskError::Of(status)->kind, ErrorKind::kActorDied);
}

}  // namespace
}  // namespace triune
