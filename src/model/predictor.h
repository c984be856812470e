// The unifying idea of serving: everything that answers requests is a Predictor, and they compose.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "model/inference.h"
#include "triune/status.h"

namespace triune::model {

/// What travels with a call besides its content. Owned by the caller, alive until ResponseSink::Finish returns.
struct CallContext {
  TimePoint deadline = kNever;
  /// Set from any thread when nobody waits for the answer any more. A call that has not started is then dropped.
  std::atomic<bool> cancelled{false};
  std::string_view request_id;   ///< X-Request-Id, for logs.
  std::string_view traceparent;  ///< W3C trace context as it came; empty when it did not.
  TimePoint received{};          ///< When the last byte of the request was read.
  /// When the last step of the call ended and so the next began: each reads the clock once. Must be set for Predict,
  /// and is the end of the computing when Finish is called with OK.
  TimePoint step_ended{};
  Duration queue_time{};    ///< Set by whoever made the call wait.
  Duration compute_time{};  ///< Set by whoever ran the model.
  /// The thread may be used for computing right away: it is a front-end thread, and short work is welcome on it.
  bool may_run_inline = false;

  void Clear() {
    deadline = kNever;
    cancelled.store(false, std::memory_order_relaxed);
    request_id = {};
    traceparent = {};
    received = {};
    step_ended = {};
    queue_time = {};
    compute_time = {};
    may_run_inline = false;
  }
};

/// Receives the answer to one call: any number of Send (one, unless the model streams), then exactly one Finish; all
/// from one thread at a time, which may be the caller's, inside Predict.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  /// A response to fill; valid until Send or Finish.
  virtual InferenceResponse& response() = 0;
  virtual void Send() = 0;
  /// After this neither the sink, the request nor the context may be touched.
  virtual void Finish(Status status) = 0;
};

/// A loaded model, a limit, a batcher, a canary split, a transformer, a remote hop, a graph. Thread-safe.
class Predictor {
 public:
  virtual ~Predictor() = default;
  /// The request and the context stay alive and untouched by the caller until sink.Finish. The predictor may change
  /// the request.
  virtual void Predict(InferenceRequest& request, CallContext& context, ResponseSink& sink) = 0;
};

}  // namespace triune::model
