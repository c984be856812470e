#include "serving/dispatcher.h"

#include <algorithm>
#include <new>
#include <system_error>
#include <utility>

#include "base/strings.h"

namespace triune::serving {
namespace {

uint64_t InputBytes(const model::InferenceRequest& request) {
  uint64_t bytes = 0;
  for (const Tensor& tensor : request.inputs) bytes += tensor.data.size();
  return bytes;
}

Dispatcher::Options Usable(Dispatcher::Options options) {
  if (options.max_concurrency > 0) options.instances = std::min(options.instances, options.max_concurrency);
  options.instances = std::max(options.instances, 1);
  options.queue_capacity = std::max(options.queue_capacity, 1);
  return options;
}

}  // namespace

Dispatcher::Dispatcher(model::Model& model, ModelMetrics& metrics, const Clock& clock, const Options& options)
    : model_(model),
      metrics_(metrics),
      clock_(clock),
      options_(Usable(options)),
      queue_(static_cast<size_t>(options_.queue_capacity)) {}

Dispatcher::~Dispatcher() {
  {
    // From here on no instance starts another one.
    std::lock_guard lock(instances_mutex_);
    stopping_ = true;
  }
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
  // Before the request is queued: there must be somebody to take it out.
  if (Status started = EnsureInstance(); !started.ok()) return sink.Finish(std::move(started));
  metrics_.queued.fetch_add(1, std::memory_order_relaxed);
  if (!queue_.TryPush({&request, &context, &sink, clock_.Now()})) {
    metrics_.queued.fetch_sub(1, std::memory_order_relaxed);
    return sink.Finish(stopping_ ? Unavailable("the model is being unloaded")
                                 : ResourceExhausted(StrCat("the model's queue is full: its capacity is ",
                                                            queue_.capacity())));
  }
  StartInstanceIfNeeded();
}

Status Dispatcher::EnsureInstance() {
  if (any_started_.load(std::memory_order_acquire)) return {};
  std::lock_guard lock(instances_mutex_);
  if (!instances_.empty() || stopping_ || StartInstance()) return {};
  return ResourceExhausted("the system has no thread for the model to run on");
}

void Dispatcher::StartInstanceIfNeeded() {
  if (all_started_.load(std::memory_order_acquire)) return;
  if (queue_.size() <= static_cast<size_t>(std::max(idle_instances_.load(), 0))) return;
  std::lock_guard lock(instances_mutex_);
  // Without a thread the request waits for one of the instances that there are.
  if (!stopping_ && instances_.size() < static_cast<size_t>(options_.instances)) StartInstance();
}

bool Dispatcher::StartInstance() {
  try {
    instances_.emplace_back([this] { InstanceLoop(); });
  } catch (const std::system_error&) {
    return false;
  }
  any_started_.store(true, std::memory_order_release);
  if (instances_.size() == static_cast<size_t>(options_.instances)) all_started_.store(true, std::memory_order_release);
  return true;
}

void Dispatcher::InstanceLoop() {
  for (;;) {
    idle_instances_.fetch_add(1);
    auto next = queue_.Pop();
    idle_instances_.fetch_sub(1);
    if (!next) return;
    // Whoever queued the next request may have counted on this thread, which is no longer idle.
    StartInstanceIfNeeded();
    Answer(*next);
  }
}

void Dispatcher::Answer(const Queued& queued) {
  metrics_.queued.fetch_sub(1, std::memory_order_relaxed);
  queued.context->queue_time = clock_.Now() - queued.since;
  metrics_.Observe(Phase::kQueue, queued.context->queue_time);
  if (stopping_) return queued.sink->Finish(Unavailable("the model is being unloaded"));
  Run(*queued.request, *queued.context, *queued.sink);
}

void Dispatcher::Run(model::InferenceRequest& request, model::CallContext& context, model::ResponseSink& sink) {
  TimePoint start = clock_.Now();
  if (context.cancelled.load(std::memory_order_acquire)) {
    return sink.Finish(Cancelled("the request was cancelled before the model ran"));
  }
  if (context.deadline <= start) {
    return sink.Finish(DeadlineExceeded("the deadline passed before the model ran"));
  }
  uint64_t input_bytes = InputBytes(request);
  Status status = Infer(request, sink.response());
  context.compute_time = clock_.Now() - start;
  if (status.ok()) costs_.Record(input_bytes, context.compute_time);
  metrics_.Observe(Phase::kPredict, context.compute_time);
  if (status.ok()) sink.Send();
  sink.Finish(std::move(status));
}

Status Dispatcher::Infer(const model::InferenceRequest& request, model::InferenceResponse& response) {
  try {
    return model_.Infer(request, response);
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("there is not enough memory for this request");
  }
}

}  // namespace triune::serving
