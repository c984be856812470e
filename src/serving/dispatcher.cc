#include "serving/dispatcher.h"

#include <time.h>

#include <algorithm>
#include <new>
#include <system_error>
#include <utility>

#include "base/strings.h"

namespace triune::serving {
namespace {

/// A call that takes so many times Options::inline_below was not short by any measure.
constexpr int kStallFactor = 20;
/// Once may be chance: a first call on new memory, say.
constexpr int kStallsForgiven = 1;
/// A model that stalled must show so many calls without a stall.
constexpr int kProbationCalls = 1000;

/// Whether this thread may have computed for as long as `most` lately. Time that passed without computing is the
/// scheduler's: the thread was not running. Looks at the thread's clock, a system call, only now and then.
class ComputeMeter {
 public:
  void CountCall() {
    if (++calls_ >= kCallsPerLook) Look();
  }
  bool ComputedFor(Duration most) {
    Duration before = at_;
    Look();
    return at_ - before >= most;
  }

 private:
  static constexpr int kCallsPerLook = 64;
  void Look() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    at_ = std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
    calls_ = 0;
  }
  Duration at_{0};
  int calls_ = kCallsPerLook;
};
thread_local ComputeMeter compute_meter;

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
      trials_left_(options.trial_calls),
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

bool Dispatcher::LooksShort(uint64_t input_bytes) const {
  auto estimate = costs_.Estimate(input_bytes);
  return estimate && *estimate < options_.inline_below;
}

bool Dispatcher::IsShort(uint64_t input_bytes) const {
  return trials_left_.load(std::memory_order_relaxed) <= 0 && LooksShort(input_bytes);
}

void Dispatcher::Predict(model::InferenceRequest& request, model::CallContext& context, model::ResponseSink& sink) {
  if (context.may_run_inline && IsShort(InputBytes(request))) {
    if (options_.max_concurrency == 0) return Run(request, context, sink, /*is_inline=*/true);
    // With a limit, front-end and instance threads share it; here the front-end's part is what the instances leave.
    if (running_inline_.fetch_add(1) + options_.instances < options_.max_concurrency) {
      Run(request, context, sink, /*is_inline=*/true);
      running_inline_.fetch_sub(1);
      return;
    }
    running_inline_.fetch_sub(1);
  }
  // Before the request is queued: there must be somebody to take it out.
  if (Status started = EnsureInstance(); !started.ok()) return sink.Finish(std::move(started));
  metrics_.queued.fetch_add(1, std::memory_order_relaxed);
  if (!queue_.TryPush({&request, &context, &sink})) {
    metrics_.queued.fetch_sub(1, std::memory_order_relaxed);
    return sink.Finish(
        stopping_ ? Unavailable("the model is being unloaded")
                  : ResourceExhausted(StrCat("the model's queue is full: its capacity is ", queue_.capacity())));
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
  if (queue_.size() <= static_cast<size_t>(idle_instances_.load())) return;
  std::lock_guard lock(instances_mutex_);
  // Without a thread the request waits for one of the instances that there are.
  if (!stopping_ && instances_.size() < static_cast<size_t>(options_.instances)) StartInstance();
}

bool Dispatcher::StartInstance() {
  // Idle from now on, although it takes a while until it waits: the next request need not start another one.
  idle_instances_.fetch_add(1);
  try {
    instances_.emplace_back([this] { InstanceLoop(); });
  } catch (const std::system_error&) {
    idle_instances_.fetch_sub(1);
    return false;
  }
  any_started_.store(true, std::memory_order_release);
  if (instances_.size() == static_cast<size_t>(options_.instances)) all_started_.store(true, std::memory_order_release);
  return true;
}

void Dispatcher::InstanceLoop() {
  while (auto next = queue_.Pop()) {
    idle_instances_.fetch_sub(1);
    // Whoever queued the next request may have counted on this thread, which is no longer idle.
    StartInstanceIfNeeded();
    Answer(*next);
    idle_instances_.fetch_add(1);
  }
}

void Dispatcher::Answer(const Queued& queued) {
  metrics_.queued.fetch_sub(1, std::memory_order_relaxed);
  TimePoint now = clock_.Now();
  queued.context->queue_time = now - queued.context->step_ended;
  queued.context->step_ended = now;
  metrics_.Observe(Phase::kQueue, queued.context->queue_time);
  if (stopping_) return queued.sink->Finish(Unavailable("the model is being unloaded"));
  Run(*queued.request, *queued.context, *queued.sink, /*is_inline=*/false);
}

void Dispatcher::LearnFrom(Duration took, bool is_inline) {
  const Duration stall = kStallFactor * options_.inline_below;
  bool stalled = took > stall && compute_meter.ComputedFor(stall);
  if (stalled && is_inline && front_end_stalls_.fetch_add(1, std::memory_order_relaxed) < kStallsForgiven) return;
  if (stalled) {
    front_end_stalls_.store(0, std::memory_order_relaxed);
    trials_left_.store(kProbationCalls, std::memory_order_relaxed);
  } else if (!is_inline && trials_left_.load(std::memory_order_relaxed) > 0) {
    trials_left_.fetch_sub(1, std::memory_order_relaxed);
  }
}

void Dispatcher::Run(model::InferenceRequest& request, model::CallContext& context, model::ResponseSink& sink,
                     bool is_inline) {
  TimePoint start = context.step_ended;
  if (context.cancelled.load(std::memory_order_acquire)) {
    return sink.Finish(Cancelled("the request was cancelled before the model ran"));
  }
  if (context.deadline <= start) {
    return sink.Finish(DeadlineExceeded("the deadline passed before the model ran"));
  }
  uint64_t input_bytes = InputBytes(request);
  bool looked_short = is_inline || LooksShort(input_bytes);
  compute_meter.CountCall();
  Status status = Infer(request, sink.response());
  context.step_ended = clock_.Now();
  context.compute_time = context.step_ended - start;
  if (status.ok()) costs_.Record(input_bytes, context.compute_time);
  // That a call known to be long was long says nothing about the short ones.
  if (looked_short) LearnFrom(context.compute_time, is_inline);
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
