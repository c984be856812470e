// Values that are given back although there are references to them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "compute/local/local_engine.h"
#include "compute/process/worker_engine.h"
#include "compute/testing/stress.h"
#include "triune/core.h"
#include "triune/core/remote.h"

namespace triune::free_test {

std::string Twice(const std::string& text) { return text + text; }
size_t SizeOf(const Buffer& bytes) { return bytes.size(); }
Buffer MakeBytes(size_t size) {
  Buffer bytes = Buffer::Allocate(size);
  std::fill_n(bytes.mutable_data(), size, std::byte{4});
  return bytes;
}
/// What a task in a process sees of its own references: one letter for each thing that is as it should be.
std::string FreesThere() {
  Session& session = *Session::Current();
  std::string seen;
  auto put = session.Put(std::string("here"));
  seen += session.Contains(put) ? "a" : "";
  seen += session.Free(put).ok() && !session.Contains(put) ? "b" : "";
  seen += compute::HasKind(session.Get(put).status(), ErrorKind::kObjectFreed) ? "c" : "";
  auto task = session.Submit(Twice, std::string(100'000, 'x'));
  std::vector<ObjectRef<std::string>> tasks{task};
  std::ignore = session.Get(session.Submit(SizeOf, session.PutBytes(std::vector<std::byte>(10))));
  while (!session.Contains(task)) std::this_thread::yield();
  seen += session.Free<std::string>(tasks).ok() && !session.Contains(task) ? "d" : "";
  seen += compute::HasKind(session.Get(task).status(), ErrorKind::kObjectFreed) ? "e" : "";
  seen += compute::HasKind(session.Get(session.Submit(Twice, put)).status(), ErrorKind::kObjectFreed) ? "f" : "";
  return seen;
}
void FreesItsArgument(const ObjectRef<std::string>& text) { Session::Current()->Free(text).ok(); }

}  // namespace triune::free_test

TRIUNE_REMOTE(triune::free_test::Twice, triune::free_test::SizeOf, triune::free_test::MakeBytes,
              triune::free_test::FreesThere, triune::free_test::FreesItsArgument);

namespace triune::free_test {
namespace {

using compute::Eventually;
using compute::HasKind;
using compute::Value;
using testing::HasSubstr;

uint64_t SharedMemoryInUse(Session& session) {
  const auto now = static_cast<compute::LocalEngine&>(compute::WorkerSession::EngineOf(session)).spill_statistics();
  return now.memory_used + now.spilled;
}

class FreeTest : public ::testing::Test {
 protected:
  ~FreeTest() override {
    EXPECT_TRUE(Eventually([] { return Value::live == 0; }));
  }
  Session session_{{.cpus = 2}};
};

TEST_F(FreeTest, WhatIsFreedIsGoneForAllWhoRefer) {
  auto put = session_.Put(Value(1));
  auto made = session_.With({.name = "make"}).Submit([] { return Value(2); });
  auto other = made;
  ASSERT_TRUE(session_.Get(made).ok());
  EXPECT_TRUE(session_.Contains(put));
  EXPECT_TRUE(session_.Contains(other));
  EXPECT_TRUE(session_.Free(put).ok());
  EXPECT_TRUE(session_.Free(made).ok());
  EXPECT_TRUE(Eventually([] { return Value::live == 0; })) << "the memory is there again at once";
  EXPECT_FALSE(session_.Contains(put));
  EXPECT_FALSE(session_.Contains(other));
  EXPECT_TRUE(made.ready());
  EXPECT_TRUE(HasKind(session_.Get(put).status(), ErrorKind::kObjectFreed));
  const Status status = session_.Get(other).status();
  EXPECT_TRUE(HasKind(status, ErrorKind::kObjectFreed));
  EXPECT_THAT(status.ToString(), HasSubstr("the result of task 'make' was freed"));
  EXPECT_TRUE(session_.Free(put).ok()) << "a second time";
  auto next = session_.Submit([](const Value& value) { return value.get(); }, made);
  EXPECT_TRUE(HasKind(session_.Get(next).status(), ErrorKind::kObjectFreed));
  EXPECT_EQ(session_.Wait(std::vector{put, made}, 2)->ready.size(), 2U);
}

TEST_F(FreeTest, OnlyWhatIsReadyCanBeFreed) {
  std::promise<void> go;
  auto waits = session_.With({.name = "slow"}).Submit([&go] {
    go.get_future().wait();
    return 1;
  });
  auto error = session_.Submit([]() -> Result<int> { return NotFound("nothing"); });
  const Status status = session_.Free(waits);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.ToString(), HasSubstr("task 'slow'"));
  EXPECT_FALSE(session_.Contains(waits));
  EXPECT_EQ(session_.Get(error).status().code(), StatusCode::kNotFound);
  EXPECT_TRUE(session_.Free(error).ok());
  EXPECT_FALSE(session_.Contains(error));
  EXPECT_EQ(session_.Get(error).status().code(), StatusCode::kNotFound) << "an error stays";
  const std::vector<ObjectRef<int>> both{waits, error};
  EXPECT_EQ(session_.Free<int>(both).code(), StatusCode::kInvalidArgument);
  go.set_value();
  EXPECT_EQ(*session_.Get(waits), 1);
  EXPECT_TRUE(session_.Free<int>(both).ok());
  EXPECT_EQ(session_.Free(ObjectRef<int>()).code(), StatusCode::kInvalidArgument);
  EXPECT_FALSE(session_.Contains(ObjectRef<int>()));

  auto nothing = session_.Submit([] {});
  EXPECT_TRUE(session_.Get(nothing).ok());
  EXPECT_TRUE(session_.Free(nothing).ok());
  EXPECT_TRUE(session_.Get(nothing).ok()) << "there is nothing to free";
}

TEST_F(FreeTest, TasksThatWereSubmittedBeforeStillHaveIt) {
  auto value = session_.Put(Value(5));
  std::promise<void> begun;
  std::promise<void> go;
  auto uses = session_.Submit(
      [&](const Value& argument) {
        begun.set_value();
        go.get_future().wait();
        return argument.get();
      },
      value);
  begun.get_future().wait();
  EXPECT_TRUE(session_.Free(value).ok());
  EXPECT_FALSE(session_.Contains(value));
  EXPECT_TRUE(HasKind(session_.Get(value).status(), ErrorKind::kObjectFreed));
  auto too_late = session_.Submit([](const Value& argument) { return argument.get(); }, value);
  EXPECT_TRUE(HasKind(session_.Get(too_late).status(), ErrorKind::kObjectFreed));
  EXPECT_EQ(Value::live, 1);
  go.set_value();
  EXPECT_EQ(*session_.Get(uses), 5U);
  EXPECT_TRUE(Eventually([] { return Value::live == 0; })) << "it goes with its last user";
}

TEST_F(FreeTest, ACompiledDagKeepsItsArguments) {
  auto value = session_.Put(Value(3));
  {
    InputNode<uint64_t> input;
    auto sum = Bind([](const Value& a, uint64_t b) { return a.get() + b; }, value, input);
    auto compiled = session_.Compile<uint64_t(uint64_t)>(sum);
    ASSERT_TRUE(compiled.ok()) << compiled.status().ToString();
    EXPECT_TRUE(session_.Free(value).ok());
    auto result = compiled->Execute(4U);
    EXPECT_EQ(*result.Get(), 7U);
    EXPECT_FALSE(session_.Contains(value));
    EXPECT_TRUE(HasKind(session_.Compile<uint64_t(uint64_t)>(sum).status(), ErrorKind::kObjectFreed));
  }
  EXPECT_TRUE(Eventually([] { return Value::live == 0; }));
}

class Keeper {
 public:
  uint64_t Read(const Value& value) { return value.get(); }
};

TEST_F(FreeTest, CallsOfActorsAreLikeTasks) {
  auto actor = session_.CreateActor<Keeper>();
  auto value = session_.Put(Value(8));
  auto before = actor.Call(&Keeper::Read, value);
  EXPECT_TRUE(session_.Free(value).ok());
  auto after = actor.Call(&Keeper::Read, value);
  EXPECT_EQ(*session_.Get(before), 8U);
  EXPECT_TRUE(HasKind(session_.Get(after).status(), ErrorKind::kObjectFreed));
}

TEST_F(FreeTest, SharedMemoryIsGivenBackButForBuffersThatShareIt) {
  auto bytes = session_.PutBytes(std::vector<std::byte>(1U << 20U, std::byte{9}));
  Buffer copy = *session_.Get(bytes);
  EXPECT_GE(SharedMemoryInUse(session_), 1U << 20U);
  EXPECT_TRUE(session_.Free(bytes).ok());
  EXPECT_TRUE(HasKind(session_.Get(bytes).status(), ErrorKind::kObjectFreed));
  EXPECT_EQ(copy.data()[1000], std::byte{9});
  copy.Reset();
  EXPECT_EQ(SharedMemoryInUse(session_), 0U);
}

TEST_F(FreeTest, InProcesses) {
  auto process = session_.With({.isolation = kProcess});
  auto made = process.Submit(MakeBytes, size_t{1} << 20U);
  auto size = process.Submit(SizeOf, made);
  EXPECT_EQ(*session_.Get(size), size_t{1} << 20U);
  EXPECT_TRUE(session_.Free(made).ok());
  EXPECT_TRUE(HasKind(session_.Get(process.Submit(SizeOf, made)).status(), ErrorKind::kObjectFreed));
  EXPECT_TRUE(HasKind(session_.Get(made).status(), ErrorKind::kObjectFreed));
  EXPECT_EQ(*session_.Get(process.Submit(FreesThere)), "abcdef");
  auto text = session_.Put(std::string("text"));
  EXPECT_TRUE(session_.Get(process.Submit(FreesItsArgument, text)).ok());
  EXPECT_FALSE(session_.Contains(text));
  EXPECT_TRUE(Eventually([&] { return SharedMemoryInUse(session_) == 0; }));
}

/// Copies that take a while, and look whether the value is still there.
struct SlowToCopy {
  SlowToCopy() = default;
  SlowToCopy(const SlowToCopy& other) : value(other.value) {
    std::this_thread::yield();
    EXPECT_EQ(other.value.get(), 6U);
  }
  Value value{6};
};

TEST_F(FreeTest, GetAndFreeAtTheSameTime) {
  for (int round = 0; round < 50; ++round) {
    auto object = session_.Put(SlowToCopy());
    std::vector<std::thread> threads;
    std::atomic<int> there{0};
    std::atomic<bool> is_freed{false};
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        ++there;
        while (true) {
          const bool was_freed = is_freed;
          auto got = session_.Get(object);
          if (!got.ok()) {
            EXPECT_TRUE(HasKind(got.status(), ErrorKind::kObjectFreed));
            break;
          }
          EXPECT_FALSE(was_freed);
          EXPECT_EQ(got->value.get(), 6U);
        }
      });
    }
    while (there < 3) std::this_thread::yield();
    EXPECT_TRUE(session_.Free(object).ok());
    is_freed = true;
    for (auto& thread : threads) thread.join();
  }
}

/// Copying one gets another, and so on.
struct Nested {
  Session* session = nullptr;
  ObjectRef<Nested> inner;
  Value value{1};
  Nested() = default;
  Nested(Session* s, ObjectRef<Nested> i) : session(s), inner(std::move(i)) {}
  Nested(const Nested& other) : session(other.session), inner(other.inner) {
    EXPECT_TRUE(!inner || session->Get(inner).ok());
  }
};

TEST_F(FreeTest, GetInsideOfCopies) {
  auto object = session_.Put(Nested());
  for (int i = 0; i < 12; ++i) object = session_.Put(Nested(&session_, object));
  EXPECT_TRUE(session_.Get(object).ok());
  EXPECT_TRUE(session_.Free(object).ok());
}

/// Frees itself while it is copied.
struct Suicidal {
  Session* session = nullptr;
  ObjectRef<Suicidal>* self = nullptr;
  Value value{1};
  Suicidal(Session* s, ObjectRef<Suicidal>* o) : session(s), self(o) {}
  Suicidal(const Suicidal& other) : session(other.session), self(other.self) {
    EXPECT_TRUE(!*self || session->Free(*self).ok());
    EXPECT_EQ(other.value.get(), 1U);
  }
};

TEST_F(FreeTest, FreedWhileItIsCopiedByTheSameThread) {
  ObjectRef<Suicidal> object;
  object = session_.Put(Suicidal(&session_, &object));
  EXPECT_TRUE(session_.Get(object).ok());
  EXPECT_TRUE(HasKind(session_.Get(object).status(), ErrorKind::kObjectFreed));
}

}  // namespace
}  // namespace triune::free_test
