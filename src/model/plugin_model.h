// A model of a plug-in.
#pragma once

#include <memory>

#include "model/plugin_runtime.h"
#include "model/runtime.h"
#include "triune/runtime.h"

namespace triune::model {

/// Copies a plug-in's signature. Internal when the plug-in breaks the interface's rules.
Result<Signature> ReadSignature(const triune_signature& signature);

/// Thread-safe. After the first calls of a thread, Infer allocates nothing but pooled buffers.
class PluginModel final : public Model {
 public:
  /// Takes over `model`, which it unloads.
  static Result<std::unique_ptr<Model>> Make(std::shared_ptr<const PluginRuntime> runtime,
                                             const triune_runtime_plugin* plugin, triune_model* model);
  ~PluginModel() override;
  PluginModel(const PluginModel&) = delete;
  PluginModel& operator=(const PluginModel&) = delete;

  const Signature& signature() const override { return signature_; }
  Status Infer(const InferenceRequest& request, InferenceResponse& response) override;
  uint64_t MemoryBytes() const override { return plugin_->model_memory(model_); }

 private:
  PluginModel(std::shared_ptr<const PluginRuntime> runtime, const triune_runtime_plugin* plugin, triune_model* model)
      : runtime_(std::move(runtime)), plugin_(plugin), model_(model) {}

  std::shared_ptr<const PluginRuntime> runtime_;
  const triune_runtime_plugin* plugin_;
  triune_model* model_;
  Signature signature_;
};

/// What plug-ins may call. Lives for the whole process.
const triune_host& PluginHost();

}  // namespace triune::model
