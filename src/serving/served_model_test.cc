#include "serving/served_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "serving/testing/fake_call.h"
#include "serving/testing/fake_model.h"

namespace triune::serving {
namespace {

using ::testing::AllOf;
using testing::FakeCall;
using testing::FakeModel;
using testing::FakeRuntimes;
using ::testing::HasSubstr;

ModelConfig Config(int max_in_flight = 1024) {
  ModelConfig config;
  config.name = "iris";
  config.max_in_flight = max_in_flight;
  return config;
}

void SetLoaded(ServedModel& model) {
  model.SetLoading();
  model.SetLoaded(*FakeRuntimes().ForFormat("fake"), std::make_unique<FakeModel>());
}

Status Predict(ServedModel& model) {
  FakeCall call;
  call.PredictWith(model);
  return call.Wait();
}

TEST(ServedModelTest, SaysHowFarItIsUntilItIsLoaded) {
  ServedModel model(Config(), Clock::System());
  EXPECT_FALSE(model.ready());
  EXPECT_EQ(model.MemoryBytes(), 0U);
  EXPECT_EQ(model.runtime_name(), "");
  Status pending = Predict(model);
  EXPECT_EQ(pending.code(), StatusCode::kUnavailable);
  EXPECT_THAT(std::string(pending.message()), AllOf(HasSubstr("'iris'"), HasSubstr("Pending")));
  model.SetLoading();
  EXPECT_THAT(std::string(Predict(model).message()), HasSubstr("Loading"));
}

TEST(ServedModelTest, AnswersOnceLoaded) {
  ServedModel model(Config(), Clock::System());
  SetLoaded(model);
  ASSERT_TRUE(model.ready());
  EXPECT_EQ(model.signature().inputs[0].name, "x");
  EXPECT_EQ(model.MemoryBytes(), 4096U);
  EXPECT_EQ(model.runtime_name(), "fake");
  EXPECT_TRUE(Predict(model).ok());
}

TEST(ServedModelTest, SaysWhyItFailedToLoad) {
  ServedModel model(Config(), Clock::System());
  model.SetLoading();
  model.SetFailed(NotFound("no model at /models/iris"));
  EXPECT_EQ(model.state(), ModelState::kFailedToLoad);
  Status status = Predict(model);
  EXPECT_EQ(status.code(), StatusCode::kUnavailable) << "the client did nothing wrong";
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("'iris'"), HasSubstr("no model at /models/iris")));
}

TEST(ServedModelTest, LetsInAsManyAsTheLimitSays) {
  ServedModel model(Config(/*max_in_flight=*/2), Clock::System());
  EXPECT_TRUE(model.Enter().ok());
  EXPECT_TRUE(model.Enter().ok());
  Status third = model.Enter();
  EXPECT_EQ(third.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(third.message()), AllOf(HasSubstr("'iris'"), HasSubstr("limit is 2")));
  EXPECT_EQ(model.metrics().in_flight, 2) << "who was refused does not count";
  model.Leave();
  EXPECT_TRUE(model.Enter().ok());
}

TEST(ServedModelTest, TheLimitHoldsAmongThreads) {
  ServedModel model(Config(/*max_in_flight=*/3), Clock::System());
  std::atomic<int> inside{0}, entered{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        if (!model.Enter().ok()) continue;
        ++entered;
        EXPECT_LE(++inside, 3);
        --inside;
        model.Leave();
      }
    });
  }
  threads.clear();
  EXPECT_GT(entered, 0);
  EXPECT_EQ(model.metrics().in_flight, 0);
}

TEST(ServedModelTest, RequestsMayComeWhileItLoads) {
  ServedModel model(Config(), Clock::System());
  std::vector<std::jthread> clients;
  for (int t = 0; t < 3; ++t) {
    clients.emplace_back([&] {
      for (Status status = Predict(model); !status.ok(); status = Predict(model)) {
        ASSERT_EQ(status.code(), StatusCode::kUnavailable);
        static_cast<void>(model.runtime_name());
        static_cast<void>(model.MemoryBytes());
        std::this_thread::yield();
      }
    });
  }
  SetLoaded(model);
  clients.clear();  // ends only if every client got its answer
  EXPECT_TRUE(model.ready());
}

TEST(ModelStateTest, HasTheNamesOfKServe) {
  EXPECT_EQ(ModelStateName(ModelState::kPending), "Pending");
  EXPECT_EQ(ModelStateName(ModelState::kLoading), "Loading");
  EXPECT_EQ(ModelStateName(ModelState::kLoaded), "Loaded");
  EXPECT_EQ(ModelStateName(ModelState::kFailedToLoad), "FailedToLoad");
}

}  // namespace
}  // namespace triune::serving
