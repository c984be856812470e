#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "triune/core.h"

namespace triune {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

ErrorKind KindOf(const Status& status) {
  const TaskError* error = TaskError::Of(status);
  EXPECT_NE(error, nullptr) << status.ToString();
  return error == nullptr ? ErrorKind::kTaskFailed : error->kind;
}

void UntilCancelled() {
  while (!RuntimeContext::cancelled()) std::this_thread::yield();
}

class CancelTest : public ::testing::TestWithParam<int> {
 protected:
  Session session_{{.cpus = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Cpus, CancelTest, ::testing::Values(1, 2, 8), ::testing::PrintToStringParamName());

TEST_P(CancelTest, AFunctionThatRunsIsTold) {
  std::latch started(1);
  auto task = session_.Submit([&] {
    started.count_down();
    UntilCancelled();
    throw std::runtime_error("stopped");
  });
  started.wait();
  EXPECT_TRUE(session_.Cancel(task));
  Status status = session_.Get(task);
  EXPECT_EQ(status.code(), StatusCode::kCancelled);
  EXPECT_EQ(KindOf(status), ErrorKind::kTaskCancelled);
  EXPECT_THAT(Describe(status), HasSubstr("stopped"));
  EXPECT_FALSE(session_.Cancel(task)) << "too late";
}

TEST_P(CancelTest, ByForceNobodyWaitsForTheFunction) {
  std::latch started(1);
  std::latch go_on(1);
  std::atomic<bool> was_told{false};
  auto task = session_.Submit([&] {
    started.count_down();
    go_on.wait();
    was_told = RuntimeContext::cancelled();
    return 1;
  });
  started.wait();
  EXPECT_TRUE(session_.Cancel(task, {.force = true}));
  EXPECT_EQ(KindOf(session_.Get(task).status()), ErrorKind::kTaskCancelled);
  go_on.count_down();
  while (!was_told) std::this_thread::yield();
}

TEST_P(CancelTest, ATaskThatWaitsIsWoken) {
  // The inner one never ends on its own.
  std::latch started(1);
  auto outer = session_.Submit([&] {
    auto inner = session_.Submit([&] {
      started.count_down();
      UntilCancelled();
    });
    Status status = session_.Get(inner, hours(1));
    session_.Cancel(inner);
    return status;
  });
  started.wait();
  EXPECT_TRUE(session_.Cancel(outer, {.recursive = false}));
  Status status = session_.Get(outer);
  EXPECT_EQ(KindOf(status), ErrorKind::kTaskCancelled);
}

TEST_P(CancelTest, TheWholeFamily) {
  constexpr int kChildren = 20;
  std::atomic<int> ended{0};
  std::latch submitted(1);
  std::latch go_on(1);
  auto parent = session_.Submit([&] {
    auto body = [&] {
      session_.Submit([&] {
        UntilCancelled();
        ++ended;
      });
      UntilCancelled();
      ++ended;
    };
    std::vector<ObjectRef<void>> children;
    for (int i = 0; i < kChildren; ++i) children.push_back(session_.Submit(body));
    submitted.count_down();
    Status last;
    for (auto& child : children) last = session_.Get(child);
    auto late = session_.Submit([] { return 1; });
    EXPECT_EQ(KindOf(session_.Get(late).status()), ErrorKind::kTaskCancelled) << "submitted after that";
    return last;
  });
  submitted.wait();
  EXPECT_TRUE(session_.Cancel(parent));
  EXPECT_EQ(KindOf(session_.Get(parent)), ErrorKind::kTaskCancelled);
}

TEST_P(CancelTest, NotTheFamilyWhenNotAsked) {
  std::latch started(1);
  ObjectRef<int> child;
  auto parent = session_.Submit([&] {
    child = session_.Submit([&] { return 7; });
    started.count_down();
    UntilCancelled();
  });
  started.wait();
  EXPECT_TRUE(session_.Cancel(parent, {.recursive = false}));
  EXPECT_TRUE(session_.Get(parent).ok()) << "it has done what it should";
  EXPECT_EQ(*session_.Get(child), 7);
}

TEST_P(CancelTest, TimeoutsEndTasksThatRunAndThatWait) {
  std::atomic<bool> told{false};
  auto runs = session_.With({.name = "runs", .timeout = milliseconds(20)}).Submit([&] {
    UntilCancelled();
    told = true;
    return 1;
  });
  Status status = session_.Get(runs, seconds(20)).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kDeadlineExceeded);
  EXPECT_THAT(status.ToString(), HasSubstr("task 'runs' was not done within its timeout"));
  while (!told) std::this_thread::yield();

  std::atomic<bool> go{false};
  auto slow = session_.Submit([&] {
    while (!go) std::this_thread::yield();
    return 1;
  });
  auto waits = session_.With({.timeout = milliseconds(20)}).Submit([](int x) { return x; }, slow);
  EXPECT_EQ(KindOf(session_.Get(waits, seconds(20)).status()), ErrorKind::kDeadlineExceeded);
  go = true;
  EXPECT_EQ(*session_.Get(slow), 1);
  EXPECT_EQ(*session_.Get(session_.With({.timeout = hours(1)}).Submit([] { return 3; })), 3);
}

TEST_P(CancelTest, ErrorsHaveKindsAndCauses) {
  auto inner = [] { throw std::out_of_range("too far"); };
  auto middle = [this, inner] { return session_.Get(session_.With({.name = "inner"}).Submit(inner)); };
  Status status = session_.Get(session_.With({.name = "middle"}).Submit(middle));
  const TaskError* error = TaskError::Of(status);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->kind, ErrorKind::kTaskFailed);
  EXPECT_EQ(error->task, "task 'middle'");
  const TaskError* cause = TaskError::Of(error->cause);
  ASSERT_NE(cause, nullptr);
  EXPECT_EQ(cause->task, "task 'inner'");
  EXPECT_EQ(cause->exception_type, "std::out_of_range");

  auto endless = session_.Submit(UntilCancelled);
  EXPECT_EQ(KindOf(session_.Get(endless, milliseconds(1))), ErrorKind::kGetTimeout);
  session_.Cancel(endless);
}

TEST_P(CancelTest, NestedExceptionsAreCauses) {
  auto task = session_.Submit([] {
    try {
      throw std::invalid_argument("first");
    } catch (...) {
      std::throw_with_nested(std::runtime_error("second"));
    }
  });
  Status status = session_.Get(task);
  EXPECT_THAT(Describe(status), HasSubstr("second"));
  EXPECT_THAT(Describe(status), HasSubstr("caused by: UNKNOWN: threw std::invalid_argument: first"));
  EXPECT_THAT(session_.Get(session_.Submit([] { throw 5; })).ToString(), HasSubstr("threw int"));
}

TEST_P(CancelTest, OnlySomeErrorsAreWorthARetry) {
  std::atomic<int> calls{0};
  auto flaky = [&]() -> Result<int> {
    if (++calls < 3) return Unavailable("busy");
    return RuntimeContext::attempt();
  };
  auto only_busy = [](const Status& status) { return status.code() == StatusCode::kUnavailable; };
  EXPECT_EQ(*session_.Get(session_.With({.retries = 5, .retry_on = only_busy}).Submit(flaky)), 2);

  calls = 0;
  auto wrong = [&]() -> Status {
    ++calls;
    return InvalidArgument("never right");
  };
  Status status = session_.Get(session_.With({.retries = 5, .retry_on = only_busy}).Submit(wrong));
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(calls, 1);

  auto bad = [](const Status&) -> bool { throw std::logic_error("the filter"); };
  EXPECT_THAT(session_.Get(session_.With({.retries = 5, .retry_on = bad}).Submit(wrong)).ToString(),
              HasSubstr("the filter"));
}

TEST_P(CancelTest, ArgumentsThatCanOnlyMove) {
  auto take = [](std::unique_ptr<int> x) { return *x; };
  EXPECT_EQ(*session_.Get(session_.Submit(take, std::make_unique<int>(4))), 4);
}

TEST_P(CancelTest, ATaskThatWaitsForItselfIsTold) {
  struct Shared {
    std::latch known{1};
    ObjectRef<void> self;
  };
  auto shared = std::make_shared<Shared>();
  auto task = session_.Submit([this, shared] {
    shared->known.wait();
    return session_.Get(shared->self);
  });
  shared->self = task;
  shared->known.count_down();
  Status status = session_.Get(task);
  EXPECT_THAT(Describe(status), HasSubstr("DEADLOCK"));
  shared->self = {};
}

TEST_P(CancelTest, WhatAWaiterRanIsNotKept) {
  auto token = std::make_shared<int>(0);
  for (int i = 0; i < 1000; ++i) {
    auto task = session_.Submit([token] { return 1; });
    EXPECT_EQ(*session_.Get(task), 1);
  }
  // On other threads it may still be a moment.
  while (token.use_count() > 1) std::this_thread::yield();
}

}  // namespace
}  // namespace triune
