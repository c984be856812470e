#include "serving/warm_up.h"

#include <gtest/gtest.h>

#include <vector>

#include "serving/testing/fake_model.h"

namespace triune::serving {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using testing::FakeModel;
using testing::Spec;

model::Signature Takes(std::vector<model::TensorSpec> inputs) {
  model::Signature signature;
  signature.inputs = std::move(inputs);
  return signature;
}

/// Runs for as long as it is told and remembers with what.
class WarmUpTest : public ::testing::Test {
 protected:
  void WarmUpModel(model::Signature signature) {
    FakeModel model(std::move(signature), [this](const auto& request, auto&) {
      seen_ = request;
      clock_.Advance(times_[std::min(runs_++, times_.size() - 1)]);
      return answer_;
    });
    WarmUp(model, clock_, costs_);
  }

  ManualClock clock_;
  CallCost costs_;
  std::vector<Duration> times_ = {microseconds(100)};
  Status answer_;
  size_t runs_ = 0;
  model::InferenceRequest seen_;
};

TEST_F(WarmUpTest, RunsOnZerosOfTheSignaturesShape) {
  WarmUpModel(Takes({Spec("rows", DType::kFp32, {-1, 3}), Spec("flag", DType::kInt64, {2, 2})}));
  ASSERT_EQ(seen_.inputs.size(), 2U);
  EXPECT_EQ(seen_.inputs[0].name, "rows");
  EXPECT_EQ(seen_.inputs[0].shape, Shape({1, 3})) << "a free dimension is 1";
  EXPECT_EQ(seen_.inputs[1].shape, Shape({2, 2}));
  for (const Tensor& input : seen_.inputs) {
    for (std::byte byte : input.data.bytes()) EXPECT_EQ(byte, std::byte{0});
  }
  EXPECT_EQ(seen_.input_index, (std::vector<int>{0, 1}));
  EXPECT_EQ(costs_.Estimate(3 * 4 + 4 * 8), microseconds(100));
}

TEST_F(WarmUpTest, DoesNotCountTheFirstCallOfAShortModel) {
  times_ = {milliseconds(4), microseconds(100)};
  WarmUpModel(testing::OneToOne());
  EXPECT_EQ(runs_, 3U);
  EXPECT_EQ(costs_.Estimate(16), microseconds(100));
}

TEST_F(WarmUpTest, CallsALongModelOnlyOnce) {
  times_ = {milliseconds(6)};
  WarmUpModel(testing::OneToOne());
  EXPECT_EQ(runs_, 1U);
  EXPECT_EQ(costs_.Estimate(16), milliseconds(6));
}

TEST_F(WarmUpTest, LeavesAModelAloneThatRefusesZeros) {
  answer_ = InvalidArgument("zero is not a category");
  WarmUpModel(testing::OneToOne());
  EXPECT_EQ(runs_, 1U);
  EXPECT_EQ(costs_.Estimate(16), std::nullopt);
}

TEST_F(WarmUpTest, StringsAreEmpty) {
  WarmUpModel(Takes({Spec("text", DType::kBytes, {-1, 2})}));
  ASSERT_EQ(seen_.inputs.size(), 1U);
  EXPECT_TRUE(CheckData(seen_.inputs[0]).ok());
  EXPECT_EQ(seen_.inputs[0].data.size(), 8U);
  EXPECT_EQ(runs_, 3U);
}

TEST_F(WarmUpTest, OptionalInputsAreLeftOut) {
  model::Signature signature = testing::OneToOne();
  signature.inputs.push_back(Spec("mask", DType::kBool, {-1}));
  signature.inputs.back().optional = true;
  WarmUpModel(std::move(signature));
  EXPECT_EQ(seen_.inputs.size(), 1U);
  EXPECT_EQ(runs_, 3U);
}

TEST_F(WarmUpTest, DoesNotTryInputsTooLargeForAGuess) {
  WarmUpModel(Takes({Spec("x", DType::kFp64, {1 << 15, 1 << 15})}));
  EXPECT_EQ(runs_, 0U);
  int64_t half = int64_t{1} << 62;
  WarmUpModel(Takes({Spec("x", DType::kFp32, {half, half})}));
  EXPECT_EQ(runs_, 0U) << "a product that overflows";
}

TEST_F(WarmUpTest, AModelWithoutInputsIsRunToo) {
  WarmUpModel(Takes({}));
  EXPECT_EQ(runs_, 3U);
  EXPECT_EQ(costs_.Estimate(0), microseconds(100));
}

}  // namespace
}  // namespace triune::serving
