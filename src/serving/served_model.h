// One model of the server: its configuration, its state and the Predictor that answers for it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "model/predictor.h"
#include "model/runtime.h"
#include "serving/model_metrics.h"
#include "triune/status.h"

namespace triune::serving {

/// KServe's names of a model's states.
enum class ModelState : uint8_t { kPending, kLoading, kLoaded, kFailedToLoad };
std::string_view ModelStateName(ModelState state);

/// What is to be served and how.
struct ModelConfig {
  std::string name;
  std::string model_namespace = "default";
  std::string service;  ///< The InferenceService that it belongs to; empty: one of the model's own name.
  std::string version = "1";
  std::string path;    ///< Local file or folder.
  Status unusable;     ///< Not OK: the model can't be found; its loading fails with this.
  std::string format;  ///< Empty: found out from the files.
  std::vector<std::pair<std::string, std::string>> parameters;  ///< For the runtime.
  int instances = 1;            ///< Threads for requests that are too long for a front-end thread.
  int max_concurrency = 0;      ///< containerConcurrency: at most so many run at once; 0: no limit.
  int max_in_flight = 1024;     ///< Waiting and running; more are refused.
  Duration request_timeout{0};  ///< 0: none.
  bool warm_up = true;          ///< Run once on zeros when loaded, to know how long a call takes.
};

/// Thread-safe. Predict() answers, or refuses with the reason while the model is not loaded.
class ServedModel final : public model::Predictor {
 public:
  ServedModel(ModelConfig config, const Clock& clock);
  ~ServedModel() override;

  const ModelConfig& config() const { return config_; }
  const std::string& service() const { return config_.service.empty() ? config_.name : config_.service; }
  ModelMetrics& metrics() { return metrics_; }
  const ModelMetrics& metrics() const { return metrics_; }

  ModelState state() const { return state_.load(std::memory_order_acquire); }
  bool ready() const { return state() == ModelState::kLoaded; }
  /// Why the model can't answer now: not loaded yet (UNAVAILABLE), or failed to load (UNAVAILABLE with the cause).
  Status NotReady() const;
  /// Only when ready().
  const model::Signature& signature() const { return model_->signature(); }
  uint64_t MemoryBytes() const { return ready() ? model_->MemoryBytes() : 0; }
  std::string_view runtime_name() const { return ready() ? std::string_view(runtime_name_) : std::string_view(); }

  /// OK when `version` is this model's or empty, else NotFound.
  Status CheckVersion(std::string_view version) const;

  /// Counts the request in (ResourceExhausted over the limit); every OK needs one Leave().
  Status Enter();
  void Leave() { metrics_.in_flight.fetch_sub(1, std::memory_order_release); }

  /// The request must have passed CheckRequest. Does not count; see Enter.
  void Predict(model::InferenceRequest& request, model::CallContext& context, model::ResponseSink& sink) override;

  /// For the repository: the steps of loading, each at most once.
  void SetLoading() { state_.store(ModelState::kLoading, std::memory_order_release); }
  void SetLoaded(std::shared_ptr<model::ModelRuntime> runtime, std::unique_ptr<model::Model> model);
  void SetFailed(Status why);

 private:
  const ModelConfig config_;
  const Clock& clock_;
  std::atomic<ModelState> state_{ModelState::kPending};
  ModelMetrics metrics_;
  mutable std::mutex failure_mutex_;
  Status failure_;
  // Written before state_ becomes kLoaded, then unchanged. The order is that of destruction, reversed: the dispatcher
  // goes first, the runtime last.
  std::shared_ptr<model::ModelRuntime> runtime_;
  std::string runtime_name_;
  std::unique_ptr<model::Model> model_;
  std::unique_ptr<model::Predictor> dispatcher_;
};

}  // namespace triune::serving
