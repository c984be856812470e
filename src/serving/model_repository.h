// The models of the server.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "model/runtime_catalog.h"
#include "serving/served_model.h"
#include "telemetry/metrics.h"
#include "triune/status.h"

namespace triune::serving {

/// An unchanging list of models, sorted by (name, namespace).
class Catalog {
 public:
  explicit Catalog(std::vector<std::shared_ptr<ServedModel>> models);

  /// An empty namespace finds the model by its name alone: the one of the namespace "default", else the only one.
  /// NotFound, or InvalidArgument naming the namespaces when there are several.
  Result<std::shared_ptr<ServedModel>> Find(std::string_view name, std::string_view model_namespace) const;
  const std::vector<std::shared_ptr<ServedModel>>& models() const { return models_; }

 private:
  std::vector<std::shared_ptr<ServedModel>> models_;
};

/// Owns the models and loads them, several at a time, on threads of its own. Thread-safe. The destructor waits for what
/// is being loaded and leaves the rest.
class ModelRepository {
 public:
  explicit ModelRepository(model::RuntimeCatalog& runtimes, const Clock& clock = Clock::System());
  ~ModelRepository();

  /// Adds the models and starts to load them. AlreadyExists, and none is added, when a (namespace, name) is taken.
  Status Add(std::vector<ModelConfig> configs);
  /// The newest catalog. For the request path use a CatalogReader, which is cheaper.
  std::shared_ptr<const Catalog> catalog() const;
  /// True when every model is loaded (also when there is none).
  bool Ready() const;
  /// True when no model is pending or loading.
  bool Settled() const;
  /// Blocks until no model is pending or loading.
  void WaitUntilSettled();
  /// Per-model metrics, for a MetricsRegistry.
  void Collect(std::vector<telemetry::Family>& families) const;

 private:
  friend class CatalogReader;
  void Load(ServedModel& model);
  void LoaderLoop();

  model::RuntimeCatalog& runtimes_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<const Catalog> catalog_;
  std::atomic<uint64_t> version_{1};
  std::vector<std::shared_ptr<ServedModel>> to_load_;
  size_t loading_ = 0;
  bool stopping_ = false;
  std::vector<std::jthread> loaders_;
};

/// One thread's view of the catalog: a lookup costs no lock and no shared write while the catalog stands still.
/// Thread-compatible.
class CatalogReader {
 public:
  explicit CatalogReader(const ModelRepository& repository) : repository_(repository) {}
  /// Valid until the next call of Get on this reader.
  const Catalog& Get();

 private:
  const ModelRepository& repository_;
  uint64_t version_ = 0;
  std::shared_ptr<const Catalog> catalog_;
};

}  // namespace triune::serving
