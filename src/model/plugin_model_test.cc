#include "model/plugin_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <cstring>

// A plug-in in C, as the host sees it.
struct triune_model {
  int result = 0;
  bool deliver_twice = false;
  bool forget = false;
  bool adopt = false;
  int unloaded = 0;
  int released = 0;
  bool saw_misaligned = false;
};

namespace triune::model {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kAny[] = {-1};
constexpr triune_tensor_spec kInputs[] = {{"a", TRIUNE_FP64, 1U << TRIUNE_FP32, 1, kAny, 0, 0, 0},
                                          {"b", TRIUNE_INT32, 0, 1, kAny, /*optional=*/1, 0, 0}};
constexpr triune_tensor_spec kOutputs[] = {{"first", TRIUNE_FP64, 0, 1, kAny, 0, 0, 0},
                                           {"second", TRIUNE_FP64, 0, 1, kAny, 0, 0, 0}};
constexpr triune_signature kSignature = {
    .inputs = kInputs, .input_count = 2, .outputs = kOutputs, .output_count = 2, .platform = "fake"};

const triune_signature* GetSignature(const triune_model*) { return &kSignature; }
uint64_t GetMemory(const triune_model*) { return 42; }
void Unload(triune_model* model) { ++model->unloaded; }

/// Hands input "a" back as each output.
int Infer(triune_model* model, const triune_tensor* inputs, uint32_t, const uint32_t* outputs, uint32_t output_count,
          triune_response* response, triune_error* error) {
  const triune_host& host = PluginHost();
  if (reinterpret_cast<uintptr_t>(inputs[0].data) % sizeof(double) != 0) model->saw_misaligned = true;
  if (model->result != 0) {
    std::snprintf(error->message, sizeof(error->message), "the plug-in's words");
    return model->result;
  }
  for (uint32_t i = 0; i < output_count; ++i) {
    if (model->forget && i == 1) continue;
    if (model->adopt) {
      auto release = [](void* owner) { ++static_cast<triune_model*>(owner)->released; };
      if (host.output_adopt(response, outputs[i], TRIUNE_FP64, 1, inputs[0].dims, inputs[0].data, inputs[0].size, model,
                            release) != 0) {
        return TRIUNE_BYTES;
      }
      continue;
    }
    void* out = host.output_allocate(response, outputs[i], TRIUNE_FP64, 1, inputs[0].dims, inputs[0].size);
    if (out == nullptr) return 13;
    std::memcpy(out, inputs[0].data, inputs[0].size);
    if (model->deliver_twice) {
      EXPECT_EQ(host.output_allocate(response, outputs[i], TRIUNE_FP64, 1, inputs[0].dims, inputs[0].size), nullptr);
    }
  }
  EXPECT_EQ(host.output_allocate(response, 99, TRIUNE_FP64, 1, inputs[0].dims, 8), nullptr);
  return 0;
}

const triune_runtime_plugin kPlugin = [] {
  triune_runtime_plugin plugin{};
  plugin.abi = TRIUNE_RUNTIME_ABI;
  plugin.name = "fake";
  plugin.model_signature = &GetSignature;
  plugin.model_memory = &GetMemory;
  plugin.model_infer = &Infer;
  plugin.model_unload = &Unload;
  return plugin;
}();

class PluginModelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto model = PluginModel::Make(nullptr, &kPlugin, &fake_);
    ASSERT_TRUE(model.ok());
    model_ = std::move(*model);
    Tensor& input = request_.inputs.Add();
    input.name = "a";
    input.dtype = DType::kFp64;
    input.shape = Shape({2});
    input.data = Buffer::CopyOf(std::as_bytes(std::span(values_)));
    request_.input_index = {0};
  }

  const double values_[2] = {1.5, -2.5};
  triune_model fake_;
  std::unique_ptr<Model> model_;
  InferenceRequest request_;
  InferenceResponse response_;
};

TEST_F(PluginModelTest, TranslatesTheSignature) {
  const Signature& signature = model_->signature();
  EXPECT_EQ(signature.platform, "fake");
  EXPECT_TRUE(signature.inputs[0].accepted.Has(DType::kFp32));
  EXPECT_TRUE(signature.inputs[0].accepted.Has(DType::kFp64));
  EXPECT_FALSE(signature.inputs[1].accepted.Has(DType::kFp32));
  EXPECT_TRUE(signature.inputs[1].optional);
  EXPECT_EQ(signature.outputs[1].shape, Shape({-1}));
  EXPECT_EQ(model_->MemoryBytes(), 42U);
}

TEST_F(PluginModelTest, AnswersInTheOrderAskedFor) {
  ASSERT_TRUE(model_->Infer(request_, response_).ok());
  ASSERT_EQ(response_.outputs.size(), 2U);
  EXPECT_EQ(response_.outputs[0].name, "first");
  EXPECT_EQ(response_.outputs[0].As<double>()[1], -2.5);
  request_.outputs.Add().index = 1;
  ASSERT_TRUE(model_->Infer(request_, response_).ok());
  ASSERT_EQ(response_.outputs.size(), 1U);
  EXPECT_EQ(response_.outputs[0].name, "second");
}

TEST_F(PluginModelTest, AlignsWhatTheClientDidNot) {
  Buffer shifted = Buffer::Allocate(sizeof(values_) + 1);
  std::memcpy(shifted.mutable_data() + 1, values_, sizeof(values_));
  request_.inputs[0].data = shifted.Slice(1, sizeof(values_));
  ASSERT_TRUE(model_->Infer(request_, response_).ok());
  EXPECT_FALSE(fake_.saw_misaligned);
  EXPECT_EQ(response_.outputs[0].As<double>()[0], 1.5);
}

TEST_F(PluginModelTest, EmptyInputsHaveAnAddress) {
  request_.inputs[0].shape = Shape({0});
  request_.inputs[0].data = Buffer();
  ASSERT_TRUE(model_->Infer(request_, response_).ok());
  EXPECT_FALSE(fake_.saw_misaligned);
  EXPECT_EQ(response_.outputs[0].shape, Shape({0}));
}

TEST_F(PluginModelTest, PassesErrorsOn) {
  fake_.result = 3;
  Status status = model_->Infer(request_, response_);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "the plug-in's words");
  EXPECT_TRUE(response_.outputs.empty());
  fake_.result = 77;
  EXPECT_EQ(model_->Infer(request_, response_).code(), StatusCode::kUnknown);
}

TEST_F(PluginModelTest, RefusesAnOutputThatIsDeliveredTwiceAndNoticesOneThatIsNot) {
  fake_.deliver_twice = true;
  EXPECT_TRUE(model_->Infer(request_, response_).ok());
  fake_.forget = true;
  Status status = model_->Infer(request_, response_);
  EXPECT_EQ(status.code(), StatusCode::kInternal);
  EXPECT_THAT(status.message(), HasSubstr("second"));
}

TEST_F(PluginModelTest, ReleasesAdoptedOutputsOnceNobodyHoldsThem) {
  fake_.adopt = true;
  ASSERT_TRUE(model_->Infer(request_, response_).ok());
  Tensor kept = response_.outputs[0];
  response_.Clear();
  EXPECT_EQ(fake_.released, 1);
  kept.Clear();
  EXPECT_EQ(fake_.released, 2);
}

TEST_F(PluginModelTest, UnloadsOnce) {
  model_.reset();
  EXPECT_EQ(fake_.unloaded, 1);
}

}  // namespace
}  // namespace triune::model
