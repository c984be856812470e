// A call to a Predictor, for tests.
#pragma once

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "model/predictor.h"

namespace triune::serving::testing {

/// A call with an input "x" of shape [1,4] FP32, and what came of it. Thread-safe but for the public fields.
class FakeCall final : public model::ResponseSink {
 public:
  explicit FakeCall(bool may_run_inline = false) {
    Tensor& input = request.inputs.Add();
    input.name = "x";
    input.shape = {1, 4};
    input.data = Buffer::Allocate(4 * sizeof(float));
    std::memset(input.data.mutable_data(), 0, input.data.size());
    request.input_index = {0};
    context.may_run_inline = may_run_inline;
  }

  void PredictWith(model::Predictor& predictor, const Clock& clock = Clock::System()) {
    context.step_ended = clock.Now();
    predictor.Predict(request, context, *this);
  }

  model::InferenceResponse& response() override { return response_; }
  void Send() override { ++sends_; }
  void Finish(Status status) override {
    // Notified under the lock: whoever waits may destroy this at once.
    std::lock_guard lock(mutex_);
    status_ = std::move(status);
    finished_on_ = std::this_thread::get_id();
    ++finishes_;
    finished_.notify_all();
  }

  /// Waits for Finish.
  Status Wait() {
    std::unique_lock lock(mutex_);
    finished_.wait(lock, [this] { return finishes_ > 0; });
    return status_;
  }
  /// How often Finish was called: once, if all is well.
  int finishes() const {
    std::lock_guard lock(mutex_);
    return finishes_;
  }
  /// After Wait: whether Finish was called on the thread that asks.
  bool FinishedHere() const {
    std::lock_guard lock(mutex_);
    return finished_on_ == std::this_thread::get_id();
  }
  /// After Wait.
  int sends() const { return sends_; }

  model::InferenceRequest request;
  model::CallContext context;

 private:
  model::InferenceResponse response_;
  int sends_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable finished_;
  Status status_;
  std::thread::id finished_on_;
  int finishes_ = 0;
};

}  // namespace triune::serving::testing
