#include "serving/served_model.h"

#include "base/strings.h"
#include "serving/dispatcher.h"
#include "serving/warm_up.h"

namespace triune::serving {
namespace {

constexpr int kTrialCalls = 32;

}  // namespace

std::string_view ModelStateName(ModelState state) {
  switch (state) {
    case ModelState::kPending:
      return "Pending";
    case ModelState::kLoading:
      return "Loading";
    case ModelState::kLoaded:
      return "Loaded";
    case ModelState::kFailedToLoad:
      return "FailedToLoad";
  }
  return "";
}

ServedModel::ServedModel(ModelConfig config, const Clock& clock) : config_(std::move(config)), clock_(clock) {}
ServedModel::~ServedModel() = default;

Status ServedModel::NotReady() const {
  if (state() == ModelState::kFailedToLoad) {
    std::lock_guard lock(failure_mutex_);
    return Unavailable(StrCat("model '", config_.name, "' failed to load: ", failure_.message()));
  }
  return Unavailable(StrCat("model '", config_.name, "' is not ready yet: its state is ", ModelStateName(state())));
}

Status ServedModel::CheckVersion(std::string_view version) const {
  if (version.empty() || version == config_.version) return {};
  return NotFound(StrCat("model ", Quoted(config_.name), " has no version ", Quoted(version), ": it has version ",
                         config_.version));
}

Status ServedModel::Enter() {
  int64_t before = metrics_.in_flight.fetch_add(1, std::memory_order_acquire);
  if (before < config_.max_in_flight) return {};
  Leave();
  return ResourceExhausted(
      StrCat("model '", config_.name, "' has too many requests in flight: the limit is ", config_.max_in_flight));
}

void ServedModel::Predict(model::InferenceRequest& request, model::CallContext& context, model::ResponseSink& sink) {
  if (!ready()) return sink.Finish(NotReady());
  dispatcher_->Predict(request, context, sink);
}

void ServedModel::SetLoaded(std::shared_ptr<model::ModelRuntime> runtime, std::unique_ptr<model::Model> loaded) {
  runtime_ = std::move(runtime);
  runtime_name_ = runtime_->name();
  model_ = std::move(loaded);
  auto dispatcher = std::make_unique<Dispatcher>(*model_, metrics_, clock_,
                                                 Dispatcher::Options{.instances = config_.instances,
                                                                     .max_concurrency = config_.max_concurrency,
                                                                     .queue_capacity = config_.max_in_flight,
                                                                     .trial_calls = kTrialCalls});
  if (config_.warm_up) WarmUp(*model_, clock_, dispatcher->costs());
  dispatcher_ = std::move(dispatcher);
  state_.store(ModelState::kLoaded, std::memory_order_release);
}

void ServedModel::SetFailed(Status why) {
  {
    std::lock_guard lock(failure_mutex_);
    failure_ = std::move(why);
  }
  state_.store(ModelState::kFailedToLoad, std::memory_order_release);
}

}  // namespace triune::serving
