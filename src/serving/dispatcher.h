// Decides on which thread a request runs: short ones where they are, long ones on the model's instance threads.
#pragma once

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "base/bounded_queue.h"
#include "base/clock.h"
#include "model/predictor.h"
#include "model/runtime.h"
#include "serving/call_cost.h"
#include "serving/model_metrics.h"
#include "triune/status.h"

namespace triune::serving {

/// Runs a model. A request that came on a front-end thread and is known to be short runs there at once; others go
/// through a bounded queue to `instances` threads of the model's own, so that a slow model holds up nobody else. The
/// threads start when they are first needed. Requests whose deadline has passed, or that were cancelled, are dropped
/// before they run. Thread-safe; the destructor waits for what is running and refuses what is queued. It may not be
/// called from inside a sink, which may be on a thread that it waits for, nor before every Predict has returned.
class Dispatcher final : public model::Predictor {
 public:
  struct Options {
    int instances = 1;        ///< Those over max_concurrency are not used.
    int max_concurrency = 0;  ///< 0: no limit.
    int queue_capacity = 1024;
    Duration inline_below = std::chrono::microseconds(250);
    /// So many calls run on instance threads before any runs on the front end: what a call costs may depend on its
    /// values and not on its size alone, and a first look should not hold up anybody.
    int trial_calls = 0;
  };
  Dispatcher(model::Model& model, ModelMetrics& metrics, const Clock& clock, const Options& options);
  ~Dispatcher() override;

  void Predict(model::InferenceRequest& request, model::CallContext& context, model::ResponseSink& sink) override;
  CallCost& costs() { return costs_; }

 private:
  struct Queued {
    model::InferenceRequest* request = nullptr;
    model::CallContext* context = nullptr;
    model::ResponseSink* sink = nullptr;
  };
  /// By its size alone.
  bool LooksShort(uint64_t input_bytes) const;
  bool IsShort(uint64_t input_bytes) const;
  void Run(model::InferenceRequest& request, model::CallContext& context, model::ResponseSink& sink, bool is_inline);
  void LearnFrom(Duration took, bool is_inline);
  Status Infer(const model::InferenceRequest& request, model::InferenceResponse& response);
  void Answer(const Queued& queued);
  /// Starts an instance if there is none. ResourceExhausted when the system gives no thread.
  Status EnsureInstance();
  /// Starts another instance if more requests wait than instances do.
  void StartInstanceIfNeeded();
  /// Under instances_mutex_. False when the system gives no thread.
  bool StartInstance();
  void InstanceLoop();

  model::Model& model_;
  ModelMetrics& metrics_;
  const Clock& clock_;
  const Options options_;
  CallCost costs_;
  std::atomic<int> trials_left_;          ///< Calls to see on instance threads before the front end is used.
  std::atomic<int> front_end_stalls_{0};  ///< Calls on the front end that took far longer than the mean said.
  BoundedQueue<Queued> queue_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> running_inline_{0};
  std::atomic<int> idle_instances_{0};  ///< Waiting for a request, or about to.
  std::atomic<bool> any_started_{false};
  std::atomic<bool> all_started_{false};
  std::mutex instances_mutex_;
  std::vector<std::jthread> instances_;
};

}  // namespace triune::serving
