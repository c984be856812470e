#include "serving/dispatcher.h"

#include <algorithm>

#include "base/strings.h"

namespace triune::serving {
namespace {

uint64_t InputBytes(const model::InferenceRequest& request) {
  uint64_t bytes = 0;
  for (const Tensor& tensor : request.inputs) bytes += tensor.data.size();
  return bytes;
}

}  // namespace

Dispatcher::Dispatcher(model::Model& model, ModelMetrics& metrics, const Clock& clock, const Options& options)
    : model_(model),
      metrics_(metrics),
      clock_(clock),
      options_(options),
      queue_(static_cast<size_t>(std::max(options.queue_capacity, 1))) {}

Dispatcher::~Dispatcher() {
  stopping_ = true;
  queue_.Close();
  instances_.clear();  // joins
}

bool Dispatcher::IsShort(uint64_t input_bytes) const {
  auto estimate = costs_.Estimate(input_bytes);
  return estimate && *estimate < options_.inline_below;
}

void Dispatcher::Predict(model::InferenceRequest& request, model::CallContext& context, model::ResponseSink& sink) {
  if (context.may_run_inline && IsShort(InputBytes(request))) {
    if (options_.max_concurrency == 0) return Run(request, context, sink);
    // With a limit, front-end and instance threads share it; here the front-end's part is what the instances leave.
    if (running_inline_.fetch_add(1) + options_.instances < options_.max_concurrency) {
      Run(request, context, sink);
      running_inline_.fetch_sub(1);
      return;
    }
    running_inline_.fetch_sub(1);
  }
  metrics_.queued.fetch_add(1, std::memory_order_relaxed);
  if (!queue_.TryPush({&request, &context, &sink, clock_.Now()})) {
    metrics_.queued.fetch_sub(1, std::memory_order_relaxed);
    return sink.Finish(stopping_ ? Unavailable("the model is being unloaded")
                                 : ResourceExhausted(StrCat("the model's queue is full: its capacity is ",
                                                            queue_.capacity())));
  }
  StartInstanceIfNeeded();
}

void Dispatcher::StartInstanceIfNeeded() {
  if (all_started_.load(std::memory_order_acquire) || idle_instances_.load() > 0) return;
  std::lock_guard lock(instances_mutex_);
  if (instances_.size() < static_cast<size_t>(options_.instances)) {
    instances_.emplace_back([this] { InstanceLoop(); });
  }
  if (instances_.size() == static_cast<size_t>(options_.instances)) all_started_.store(true, std::memory_order_release);
}

void Dispatcher::InstanceLoop() {
  for (;;) {
    idle_instances_.fetch_add(1);
    auto next = queue_.Pop();
    idle_instances_.fetch_sub(1);
    if (!next) return;
    metrics_.queued.fetch_sub(1, std::memory_order_relaxed);
    TimePoint now = clock_.Now();
    next->context->queue_time = now - next->since;
    metrics_.Observe(Phase::kQueue, next->context->queue_time);
    if (stopping_) {
      next->sink->Finish(Unavailable("the model is being unloaded"));
    } else if (next->context->cancelled.load(std::memory_order_acquire)) {
      next->sink->Finish(Cancelled("the request was cancelled while it waited"));
    } else if (next->context->deadline <= now) {
      next->sink->Finish(DeadlineExceeded("the deadline passed while the request waited for the model"));
    } else {
      Run(*next->request, *next->context, *next->sink);
    }
  }
}

void Dispatcher::Run(model::InferenceRequest& request, model::CallContext& context, model::ResponseSink& sink) {
  uint64_t input_bytes = InputBytes(request);
  TimePoint start = clock_.Now();
  Status status = model_.Infer(request, sink.response());
  context.compute_time = clock_.Now() - start;
  if (status.ok()) costs_.Record(input_bytes, context.compute_time);
  metrics_.Observe(Phase::kPredict, context.compute_time);
  if (status.ok()) sink.Send();
  sink.Finish(std::move(status));
}

}  // namespace triune::serving
