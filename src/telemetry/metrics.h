// Metrics: counted without locks by the threads that serve requests, added up when somebody asks.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace triune::telemetry {

enum class MetricType : uint8_t { kCounter, kGauge, kHistogram };

using Labels = std::vector<std::pair<std::string, std::string>>;

/// One time series at the moment of a scrape.
struct Sample {
  Labels labels{};
  double value = 0;  ///< Counters and gauges.
  // Histograms: cumulative counts per upper bound (seconds), without +Inf, which is `count`.
  std::vector<std::pair<double, uint64_t>> buckets{};
  uint64_t count = 0;
  double sum = 0;
};

/// One metric: its name as Prometheus shows it, and its time series.
struct Family {
  std::string name;
  std::string help;
  MetricType type = MetricType::kCounter;
  std::vector<Sample> samples;
};

/// The families as Prometheus' text exposition format 0.0.4.
std::string ToPrometheusText(const std::vector<Family>& families);

/// Where a scrape finds everything. Thread-safe.
class MetricsRegistry {
 public:
  using Collector = std::function<void(std::vector<Family>&)>;
  /// Called at every scrape, until the registry is destroyed.
  void Add(Collector collector);
  /// What all collectors report, families of the same name joined, sorted by name.
  std::vector<Family> Collect() const;

 private:
  mutable std::mutex mutex_;
  std::vector<Collector> collectors_;
};

/// Threads count into separate memory, so that they don't wait for one another's cache lines: each thread has a number
/// below kShards, shared only when there are more threads than that.
inline constexpr size_t kShards = 16;
size_t ThisThreadShard();

/// A counter that many threads raise. Thread-safe.
class Counter {
 public:
  void Add(uint64_t by = 1) { cells_[ThisThreadShard()].value.fetch_add(by, std::memory_order_relaxed); }
  uint64_t Value() const;

 private:
  struct alignas(64) Cell {
    std::atomic<uint64_t> value{0};
  };
  std::array<Cell, kShards> cells_;
};

/// Upper bounds, in seconds, of the latency histograms: Prometheus' defaults, continued down to 10 us.
inline constexpr std::array<double, 19> kLatencyBounds = {
    1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 7.5e-2, 0.1, 0.25, 0.5, 1, 2.5, 10};

/// The part of a latency histogram that one shard counts into. Thread-safe.
class LatencyCells {
 public:
  void Observe(Duration latency);
  /// Adds this shard's counts to the sample.
  void AddTo(Sample& sample) const;

 private:
  std::array<std::atomic<uint64_t>, kLatencyBounds.size() + 1> counts_{};
  std::atomic<uint64_t> sum_ns_{0};
};

/// Reports the process's own metrics under the names that Prometheus' client libraries use.
void CollectProcessMetrics(std::vector<Family>& families);

}  // namespace triune::telemetry
