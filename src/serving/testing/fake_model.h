// Models and runtimes for tests: no files, no libraries, any behaviour.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/runtime.h"
#include "model/runtime_catalog.h"

namespace triune::serving::testing {

/// An input or output that takes one dtype only.
inline model::TensorSpec Spec(std::string name, DType dtype, Shape shape) {
  return {.name = std::move(name), .dtype = dtype, .accepted = dtype, .shape = shape};
}

/// One input "x" and one output "y", both `dtype` of shape [-1,4].
inline model::Signature OneToOne(DType dtype = DType::kFp32) {
  return {.inputs = {Spec("x", dtype, {-1, 4})}, .outputs = {Spec("y", dtype, {-1, 4})}, .platform = "fake"};
}

/// Answers every output with the input of the same number in the signature: the same shape, the same data, not copied.
/// Internal when there is no such input.
inline Status Echo(const model::Signature& signature, const model::InferenceRequest& request,
                   model::InferenceResponse& response) {
  std::vector<int> asked;
  for (const model::RequestedOutput& output : request.outputs) asked.push_back(output.index);
  if (asked.empty()) {
    for (int i = 0; i < static_cast<int>(signature.outputs.size()); ++i) asked.push_back(i);
  }
  response.outputs.Clear();
  for (int index : asked) {
    const Tensor* input = nullptr;
    for (size_t i = 0; i < request.inputs.size(); ++i) {
      if (request.input_index[i] == index) input = &request.inputs[i];
    }
    if (input == nullptr) return Internal("the echo has no input for output " + std::to_string(index));
    Tensor& output = response.outputs.Add();
    output.name = signature.outputs[static_cast<size_t>(index)].name;
    output.dtype = input->dtype;
    output.shape = input->shape;
    output.data = input->data;
  }
  return {};
}

/// A model whose Infer is a function of the test's; by default an Echo. As thread-safe as that function.
class FakeModel final : public model::Model {
 public:
  using InferFunction = std::function<Status(const model::InferenceRequest&, model::InferenceResponse&)>;

  explicit FakeModel(model::Signature signature = OneToOne(), InferFunction infer = nullptr)
      : signature_(std::move(signature)), infer_(std::move(infer)) {}

  const model::Signature& signature() const override { return signature_; }
  Status Infer(const model::InferenceRequest& request, model::InferenceResponse& response) override {
    return infer_ ? infer_(request, response) : Echo(signature_, request, response);
  }
  uint64_t MemoryBytes() const override { return 4096; }

 private:
  const model::Signature signature_;
  const InferFunction infer_;
};

/// The runtime "fake" of the format "fake": models are what a function of the test's makes of their source; by default
/// FakeModels with their default signature. Every path is a model of that format, unless Detect is told otherwise.
/// As thread-safe as the functions.
class FakeRuntimes final : public model::RuntimeCatalog {
 public:
  using LoadFunction = std::function<Result<std::unique_ptr<model::Model>>(const model::ModelSource&)>;
  using DetectFunction = std::function<Result<model::DetectedModel>(const std::string& path, std::string_view format)>;

  explicit FakeRuntimes(LoadFunction load = nullptr, DetectFunction detect = nullptr)
      : runtime_(std::make_shared<Runtime>(std::move(load))), detect_(std::move(detect)) {}

  Result<std::shared_ptr<model::ModelRuntime>> ForFormat(std::string_view format) override {
    if (format != "fake") return NotFound("no runtime for model format '" + std::string(format) + "'");
    return std::shared_ptr<model::ModelRuntime>(runtime_);
  }
  Result<model::DetectedModel> Detect(const std::string& path, std::string_view format) override {
    if (detect_) return detect_(path, format);
    return model::DetectedModel{path, format.empty() ? "fake" : std::string(format)};
  }

 private:
  class Runtime final : public model::ModelRuntime {
   public:
    explicit Runtime(LoadFunction load) : load_(std::move(load)) {}
    std::string_view name() const override { return "fake"; }
    std::string_view version() const override { return "1.0"; }
    std::string_view library_path() const override { return ""; }
    const std::vector<std::string>& formats() const override { return formats_; }
    Result<std::unique_ptr<model::Model>> Load(const model::ModelSource& source) override {
      if (load_) return load_(source);
      return std::unique_ptr<model::Model>(std::make_unique<FakeModel>());
    }

   private:
    const LoadFunction load_;
    const std::vector<std::string> formats_ = {"fake"};
  };

  const std::shared_ptr<Runtime> runtime_;
  const DetectFunction detect_;
};

}  // namespace triune::serving::testing
