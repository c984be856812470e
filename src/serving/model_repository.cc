#include "serving/model_repository.h"

#include <algorithm>
#include <exception>
#include <set>
#include <tuple>

#include "base/strings.h"
#include "telemetry/log.h"

namespace triune::serving {
namespace {

constexpr size_t kLoaders = 4;

auto KeyOf(const ServedModel& model) { return std::tie(model.config().name, model.config().model_namespace); }

}  // namespace

Catalog::Catalog(std::vector<std::shared_ptr<ServedModel>> models) : models_(std::move(models)) {
  std::ranges::sort(models_, [](const auto& a, const auto& b) { return KeyOf(*a) < KeyOf(*b); });
}

Result<std::shared_ptr<ServedModel>> Catalog::Find(std::string_view name, std::string_view model_namespace) const {
  auto first =
      std::ranges::lower_bound(models_, name, {}, [](const auto& m) -> std::string_view { return m->config().name; });
  auto last = first;
  while (last != models_.end() && (*last)->config().name == name) ++last;
  if (last - first == 1 && (model_namespace.empty() || (*first)->config().model_namespace == model_namespace)) {
    return *first;
  }
  for (auto it = first; it != last; ++it) {
    if ((*it)->config().model_namespace == (model_namespace.empty() ? "default" : model_namespace)) return *it;
  }
  if (first == last || !model_namespace.empty()) {
    return NotFound(StrCat("model with name ", Quoted(name), " does not exist",
                           model_namespace.empty() ? "" : StrCat(" in namespace ", Quoted(model_namespace))));
  }
  std::string namespaces;
  for (auto it = first; it != last; ++it)
    namespaces += StrCat(it == first ? "" : ", ", (*it)->config().model_namespace);
  return InvalidArgument(StrCat("several namespaces have a model named ", Quoted(name), ": ", namespaces,
                                "; say which with /serving/NAMESPACE/NAME before the path"));
}

ModelRepository::ModelRepository(model::RuntimeCatalog& runtimes, const Clock& clock)
    : runtimes_(runtimes),
      clock_(clock),
      catalog_(std::make_shared<Catalog>(std::vector<std::shared_ptr<ServedModel>>{})) {}

ModelRepository::~ModelRepository() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
}

Status ModelRepository::Add(std::vector<ModelConfig> configs) {
  std::vector<std::shared_ptr<ServedModel>> added;
  for (ModelConfig& config : configs) added.push_back(std::make_shared<ServedModel>(std::move(config), clock_));
  {
    std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<ServedModel>> all = catalog_->models();
    all.insert(all.end(), added.begin(), added.end());
    std::set<std::pair<std::string, std::string>> seen;
    for (const auto& model : all) {
      if (!seen.emplace(model->config().name, model->config().model_namespace).second) {
        return AlreadyExists(StrCat("two models have the same name and namespace: '", model->config().name, "' in '",
                                    model->config().model_namespace, "'"));
      }
    }
    catalog_ = std::make_shared<Catalog>(std::move(all));
    version_.fetch_add(1, std::memory_order_release);
    to_load_.insert(to_load_.end(), added.begin(), added.end());
    for (size_t i = loaders_.size(); i < std::min(kLoaders, to_load_.size() + loading_); ++i) {
      loaders_.emplace_back([this] { LoaderLoop(); });
    }
  }
  changed_.notify_all();
  return {};
}

void ModelRepository::LoaderLoop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !to_load_.empty(); });
    if (stopping_) return;
    std::shared_ptr<ServedModel> model = std::move(to_load_.front());
    to_load_.erase(to_load_.begin());
    ++loading_;
    lock.unlock();
    Load(*model);
    lock.lock();
    --loading_;
    changed_.notify_all();
  }
}

void ModelRepository::Load(ServedModel& model) {
  using telemetry::LogField;
  const ModelConfig& config = model.config();
  model.SetLoading();
  TimePoint start = clock_.Now();
  auto load = [&]() -> Status {
    TRIUNE_RETURN_IF_ERROR(config.unusable);
    TRIUNE_ASSIGN_OR_RETURN(model::DetectedModel found, runtimes_.Detect(config.path, config.format));
    TRIUNE_ASSIGN_OR_RETURN(std::shared_ptr<model::ModelRuntime> runtime, runtimes_.ForFormat(found.format));
    TRIUNE_ASSIGN_OR_RETURN(std::unique_ptr<model::Model> loaded,
                            runtime->Load({config.name, found.path, found.format, config.parameters}));
    model.SetLoaded(std::move(runtime), std::move(loaded));
    return {};
  };
  Status status;
  try {
    status = load();
  } catch (const std::exception& error) {  // no memory for it, most likely; the other models go on
    status = ResourceExhausted(StrCat("loading ended with an exception: ", error.what()));
  }
  if (!status.ok()) {
    telemetry::LogError("model failed to load",
                        {LogField("model", config.name), LogField("namespace", config.model_namespace),
                         LogField("error", status.ToString())});
    model.SetFailed(std::move(status));
    return;
  }
  auto took = std::chrono::duration_cast<std::chrono::microseconds>(clock_.Now() - start);
  telemetry::LogInfo("model loaded", {LogField("model", config.name), LogField("namespace", config.model_namespace),
                                      LogField("runtime", model.runtime_name()), LogField("path", config.path),
                                      LogField("took_us", static_cast<int64_t>(took.count()))});
}

std::shared_ptr<const Catalog> ModelRepository::catalog() const {
  std::lock_guard lock(mutex_);
  return catalog_;
}

bool ModelRepository::Ready() const {
  auto now = catalog();
  return std::ranges::all_of(now->models(), [](const auto& model) { return model->ready(); });
}

bool ModelRepository::Settled() const {
  std::lock_guard lock(mutex_);
  return to_load_.empty() && loading_ == 0;
}

void ModelRepository::WaitUntilSettled() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return to_load_.empty() && loading_ == 0; });
}

void ModelRepository::Collect(std::vector<telemetry::Family>& families) const {
  using telemetry::Family;
  using telemetry::MetricType;
  Family requests{
      "triune_requests_total", "Finished requests by model, protocol and status code.", MetricType::kCounter, {}};
  Family in_flight{"triune_requests_in_flight", "Requests waiting or running.", MetricType::kGauge, {}};
  Family queued{"triune_requests_queued", "Requests waiting for an instance thread.", MetricType::kGauge, {}};
  Family received{"triune_request_bytes_total", "Bytes of request bodies.", MetricType::kCounter, {}};
  Family sent{"triune_response_bytes_total", "Bytes of response bodies.", MetricType::kCounter, {}};
  Family ready{"triune_model_ready", "1 when the model answers requests.", MetricType::kGauge, {}};
  Family memory{"triune_model_memory_bytes", "Size of the model's file.", MetricType::kGauge, {}};
  std::pair<Phase, Family> phases[] = {
      {Phase::kPreprocess,
       {"request_preprocess_seconds", "Time to decode and check a request.", MetricType::kHistogram, {}}},
      {Phase::kPredict, {"request_predict_seconds", "Time the model took.", MetricType::kHistogram, {}}},
      {Phase::kPostprocess, {"request_postprocess_seconds", "Time to encode a response.", MetricType::kHistogram, {}}},
      {Phase::kQueue,
       {"triune_request_queue_seconds", "Time spent waiting for an instance thread.", MetricType::kHistogram, {}}}};
  auto now = catalog();
  for (const auto& model : now->models()) {
    const ModelMetrics& metrics = model->metrics();
    telemetry::Labels labels = {{"model_name", model->config().name}, {"namespace", model->config().model_namespace}};
    auto add = [&](Family& family, double value) { family.samples.push_back({.labels = labels, .value = value}); };
    for (int p = 0; p < kProtocolCount; ++p) {
      for (int c = 0; c < kStatusCodeCount; ++c) {
        uint64_t count = metrics.Requests(static_cast<Protocol>(p), static_cast<StatusCode>(c));
        if (count == 0) continue;
        telemetry::Labels with_code = labels;
        with_code.emplace_back("protocol", ProtocolName(static_cast<Protocol>(p)));
        with_code.emplace_back("code", StatusCodeName(static_cast<StatusCode>(c)));
        requests.samples.push_back({.labels = std::move(with_code), .value = static_cast<double>(count)});
      }
    }
    add(in_flight, static_cast<double>(metrics.in_flight.load(std::memory_order_relaxed)));
    add(queued, static_cast<double>(metrics.queued.load(std::memory_order_relaxed)));
    add(received, static_cast<double>(metrics.RequestBytes()));
    add(sent, static_cast<double>(metrics.ResponseBytes()));
    add(ready, model->ready() ? 1 : 0);
    add(memory, static_cast<double>(model->MemoryBytes()));
    for (auto& [phase, family] : phases) {
      telemetry::Sample sample = metrics.Latency(phase);
      if (sample.count == 0) continue;
      sample.labels = labels;
      family.samples.push_back(std::move(sample));
    }
  }
  for (Family* family : {&requests, &in_flight, &queued, &received, &sent, &ready, &memory}) {
    families.push_back(std::move(*family));
  }
  for (auto& [phase, family] : phases) families.push_back(std::move(family));
}

const Catalog& CatalogReader::Get() {
  uint64_t version = repository_.version_.load(std::memory_order_acquire);
  if (version != version_) [[unlikely]] {
    catalog_ = repository_.catalog();
    version_ = version;
  }
  return *catalog_;
}

}  // namespace triune::serving
