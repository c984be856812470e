#include "model/inference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace triune::model {
namespace {

using ::testing::ElementsAre;

TensorSpec Spec(std::string name, DType dtype, DTypeSet accepted, Shape shape) {
  return {.name = std::move(name), .dtype = dtype, .accepted = accepted, .shape = shape};
}

/// Two inputs that are needed, one that is not, two outputs.
Signature ThreeInputs() {
  Signature signature;
  signature.inputs = {Spec("pixels", DType::kFp32, DType::kFp32 | DType::kFp64, {-1, 3}),
                      Spec("text", DType::kBytes, DType::kBytes, {-1}), Spec("mask", DType::kBool, DType::kBool, {2})};
  signature.inputs[2].optional = true;
  signature.outputs = {Spec("label", DType::kInt64, DType::kInt64, {-1}),
                       Spec("probabilities", DType::kFp32, DType::kFp32, {-1, 3})};
  return signature;
}

void AddInput(InferenceRequest& request, std::string name, DType dtype, Shape shape, size_t bytes) {
  Tensor& tensor = request.inputs.Add();
  tensor.name = std::move(name);
  tensor.dtype = dtype;
  tensor.shape = shape;
  tensor.data = Buffer::Allocate(bytes);
  if (bytes > 0) std::memset(tensor.data.mutable_data(), 0, bytes);
}

/// What every model of ThreeInputs accepts: one row, one empty string.
InferenceRequest GoodRequest() {
  InferenceRequest request;
  AddInput(request, "pixels", DType::kFp32, {1, 3}, 12);
  AddInput(request, "text", DType::kBytes, {1}, 4);
  return request;
}

std::vector<int> OutputIndexes(const InferenceRequest& request) {
  std::vector<int> indexes;
  for (const RequestedOutput& output : request.outputs) indexes.push_back(output.index);
  return indexes;
}

TEST(CheckRequestTest, AcceptsWhatTheSignatureAsksFor) {
  InferenceRequest request = GoodRequest();
  EXPECT_EQ(CheckRequest(ThreeInputs(), request).ToString(), "OK");
  EXPECT_THAT(request.input_index, ElementsAre(0, 1));
}

TEST(CheckRequestTest, InputsMayComeInAnyOrder) {
  InferenceRequest request;
  AddInput(request, "mask", DType::kBool, {2}, 2);
  AddInput(request, "text", DType::kBytes, {0}, 0);
  AddInput(request, "pixels", DType::kFp64, {2, 3}, 48);
  EXPECT_EQ(CheckRequest(ThreeInputs(), request).ToString(), "OK");
  EXPECT_THAT(request.input_index, ElementsAre(2, 1, 0));
}

TEST(CheckRequestTest, FindsTheOutputsThatAreAskedFor) {
  InferenceRequest request = GoodRequest();
  request.outputs.Add().name = "probabilities";
  request.outputs.Add().name = "label";
  EXPECT_EQ(CheckRequest(ThreeInputs(), request).ToString(), "OK");
  EXPECT_THAT(OutputIndexes(request), ElementsAre(1, 0));
}

TEST(CheckRequestTest, AnInputThatTakesAnyNameTakesAnyName) {
  Signature signature;
  signature.inputs = {Spec("", DType::kFp32, DType::kFp32, {-1, 3})};
  signature.inputs[0].any_name = true;
  InferenceRequest request;
  AddInput(request, "input-0", DType::kFp32, {1, 3}, 12);
  EXPECT_TRUE(CheckRequest(signature, request).ok());
  EXPECT_THAT(request.input_index, ElementsAre(0));
  AddInput(request, "input-1", DType::kFp32, {1, 3}, 12);
  EXPECT_EQ(CheckRequest(signature, request).ToString(),
            "INVALID_ARGUMENT: the model takes one input, under any name: 'input-1' is one more");
}

TEST(CheckRequestTest, MayBeCalledAgain) {
  InferenceRequest request = GoodRequest();
  ASSERT_TRUE(CheckRequest(ThreeInputs(), request).ok());
  ASSERT_TRUE(CheckRequest(ThreeInputs(), request).ok());
  EXPECT_THAT(request.input_index, ElementsAre(0, 1));
}

TEST(CheckRequestTest, AcceptsASignatureWithoutInputs) {
  Signature signature;
  InferenceRequest request;
  EXPECT_TRUE(CheckRequest(signature, request).ok());
}

/// What is changed in GoodRequest, and what is said then.
struct Refusal {
  const char* what;
  std::function<void(InferenceRequest&)> change;
  const char* message;
};

void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.what; }

class CheckRequestRefusesTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(CheckRequestRefusesTest, NamingTheTensorWhatCameAndWhatIsWanted) {
  InferenceRequest request = GoodRequest();
  GetParam().change(request);
  Status status = CheckRequest(ThreeInputs(), request);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    All, CheckRequestRefusesTest,
    ::testing::Values(
        Refusal{"unknown name", [](auto& request) { request.inputs[0].name = "pixel"; },
                "no input of the model is named so: got 'pixel', want one of: pixels, text, mask"},
        Refusal{"twice", [](auto& request) { AddInput(request, "text", DType::kBytes, {1}, 4); },
                "input 'text' is given twice"},
        Refusal{"dtype", [](auto& request) { request.inputs[0].dtype = DType::kInt32; },
                "input 'pixels': datatype differs from the model's: got INT32, want FP32 or FP64"},
        Refusal{"dimension",
                [](auto& request) {
                  request.inputs[0].shape = {1, 4};
                },
                "input 'pixels': shape differs from the model's: got [1,4], want [-1,3]"},
        Refusal{"rank", [](auto& request) { request.inputs[0].shape = {3}; },
                "input 'pixels': shape differs from the model's: got [3], want [-1,3]"},
        Refusal{"negative dimension",
                [](auto& request) {
                  request.inputs[0].shape = {-1, 3};
                },
                "input 'pixels': shape is negative or too large: got [-1,3]"},
        Refusal{"overflow",
                [](auto& request) {
                  request.inputs[0].shape = {int64_t{1} << 62, 3};
                },
                "input 'pixels': shape is negative or too large: got [4611686018427387904,3]"},
        Refusal{"overflow of the bytes",
                [](auto& request) {
                  request.inputs[0].shape = {int64_t{1} << 61, 3};
                },
                "input 'pixels': shape is too large: got [2305843009213693952,3]"},
        Refusal{"too little data", [](auto& request) { request.inputs[0].data = Buffer::Allocate(11); },
                "input 'pixels': data size differs from shape [1,3] of FP32: got 11 bytes, want 12"},
        Refusal{"too much data", [](auto& request) { request.inputs[0].data = Buffer::Allocate(16); },
                "input 'pixels': data size differs from shape [1,3] of FP32: got 16 bytes, want 12"},
        Refusal{"no data", [](auto& request) { request.inputs[0].data.Reset(); },
                "input 'pixels': data size differs from shape [1,3] of FP32: got 0 bytes, want 12"},
        Refusal{"strings cut short", [](auto& request) { request.inputs[1].data.mutable_data()[0] = std::byte{1}; },
                "input 'text': BYTES data is cut short: element 0 is longer than what is left of the 4 bytes"},
        Refusal{"number of strings", [](auto& request) { request.inputs[1].shape = {2}; },
                "input 'text': element count differs from shape [2]: got 1, want 2"},
        Refusal{"missing",
                [](auto& request) {
                  request.inputs.Clear();
                  AddInput(request, "pixels", DType::kFp32, {1, 3}, 12);
                },
                "input 'text' is missing: want BYTES [-1]"},
        Refusal{"optional one instead of another",
                [](auto& request) {
                  request.inputs.Clear();
                  AddInput(request, "mask", DType::kBool, {2}, 2);
                  AddInput(request, "text", DType::kBytes, {1}, 4);
                },
                "input 'pixels' is missing: want FP32 [-1,3]"},
        Refusal{"nothing", [](auto& request) { request.inputs.Clear(); },
                "input 'pixels' is missing: want FP32 [-1,3]"},
        Refusal{"wrong optional input", [](auto& request) { AddInput(request, "mask", DType::kBool, {3}, 3); },
                "input 'mask': shape differs from the model's: got [3], want [2]"},
        Refusal{"unknown output", [](auto& request) { request.outputs.Add().name = "labels"; },
                "no output of the model is named so: got 'labels', want one of: label, probabilities"},
        Refusal{"output asked for twice",
                [](auto& request) {
                  request.outputs.Add().name = "label";
                  request.outputs.Add().name = "label";
                },
                "output 'label' is asked for twice"}));

TEST(InferenceRequestTest, ClearForgetsEverything) {
  InferenceRequest request = GoodRequest();
  request.model_name = request.model_namespace = request.model_version = request.id = "x";
  request.binary_outputs = true;
  request.outputs.Add().binary = true;
  request.parameters.Add().key = "k";
  ASSERT_FALSE(CheckRequest(ThreeInputs(), request).ok());
  request.Clear();
  EXPECT_EQ(request.model_name + request.model_namespace + request.model_version + request.id, "");
  EXPECT_TRUE(request.inputs.empty());
  EXPECT_TRUE(request.input_index.empty());
  EXPECT_TRUE(request.outputs.empty());
  EXPECT_TRUE(request.parameters.empty());
  EXPECT_FALSE(request.binary_outputs);
  EXPECT_FALSE(request.outputs.Add().binary);
}

TEST(InferenceResponseTest, ClearForgetsEverything) {
  InferenceResponse response;
  response.model_name = response.model_version = response.id = "x";
  response.outputs.Add().name = "y";
  response.parameters.Add().key = "k";
  response.Clear();
  EXPECT_EQ(response.model_name + response.model_version + response.id, "");
  EXPECT_TRUE(response.outputs.empty());
  EXPECT_TRUE(response.parameters.empty());
}

}  // namespace
}  // namespace triune::model
