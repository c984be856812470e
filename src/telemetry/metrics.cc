#include "telemetry/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <map>

namespace triune::telemetry {
namespace {

/// kLatencyBounds in nanoseconds.
constexpr auto kBoundsNs = [] {
  std::array<uint64_t, kLatencyBounds.size()> bounds{};
  for (size_t i = 0; i < bounds.size(); ++i) bounds[i] = static_cast<uint64_t>(kLatencyBounds[i] * 1e9 + 0.5);
  return bounds;
}();

prometheus::ClientMetric ToPrometheus(const Sample& sample, MetricType type) {
  prometheus::ClientMetric metric;
  for (const auto& [key, value] : sample.labels) metric.label.push_back({key, value});
  switch (type) {
    case MetricType::kCounter:
      metric.counter.value = sample.value;
      break;
    case MetricType::kGauge:
      metric.gauge.value = sample.value;
      break;
    case MetricType::kHistogram:
      metric.histogram.sample_count = sample.count;
      metric.histogram.sample_sum = sample.sum;
      for (const auto& [bound, count] : sample.buckets) metric.histogram.bucket.push_back({count, bound});
      break;
  }
  return metric;
}

}  // namespace

std::string ToPrometheusText(const std::vector<Family>& families) {
  std::vector<prometheus::MetricFamily> converted;
  converted.reserve(families.size());
  for (const Family& family : families) {
    prometheus::MetricFamily& out = converted.emplace_back();
    out.name = family.name;
    out.help = family.help;
    switch (family.type) {
      case MetricType::kCounter:
        out.type = prometheus::MetricType::Counter;
        break;
      case MetricType::kGauge:
        out.type = prometheus::MetricType::Gauge;
        break;
      case MetricType::kHistogram:
        out.type = prometheus::MetricType::Histogram;
        break;
    }
    for (const Sample& sample : family.samples) out.metric.push_back(ToPrometheus(sample, family.type));
  }
  return prometheus::TextSerializer().Serialize(converted);
}

void MetricsRegistry::Add(Collector collector) {
  std::lock_guard lock(mutex_);
  collectors_.push_back(std::move(collector));
}

std::vector<Family> MetricsRegistry::Collect() const {
  std::vector<Family> found;
  {
    std::lock_guard lock(mutex_);
    for (const Collector& collector : collectors_) collector(found);
  }
  std::map<std::string, Family> joined;
  for (Family& family : found) {
    auto [entry, is_new] = joined.try_emplace(family.name, family);
    if (!is_new) std::ranges::move(family.samples, std::back_inserter(entry->second.samples));
  }
  std::vector<Family> families;
  for (auto& [name, family] : joined) families.push_back(std::move(family));
  return families;
}

size_t ThisThreadShard() {
  static std::atomic<size_t> next{0};
  thread_local const size_t shard = next.fetch_add(1, std::memory_order_relaxed) % kShards;
  return shard;
}

uint64_t Counter::Value() const {
  uint64_t sum = 0;
  for (const Cell& cell : cells_) sum += cell.value.load(std::memory_order_relaxed);
  return sum;
}

void LatencyCells::Observe(Duration latency) {
  auto ns = static_cast<uint64_t>(std::max<Duration::rep>(latency.count(), 0));
  size_t bucket = 0;
  while (bucket < kBoundsNs.size() && ns > kBoundsNs[bucket]) ++bucket;
  counts_[bucket].fetch_add(1, std::memory_order_relaxed);
  sum_ns_.fetch_add(ns, std::memory_order_relaxed);
}

void LatencyCells::AddTo(Sample& sample) const {
  if (sample.buckets.empty()) {
    for (double bound : kLatencyBounds) sample.buckets.emplace_back(bound, 0);
  }
  uint64_t cumulative = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    cumulative += counts_[i].load(std::memory_order_relaxed);
    if (i < sample.buckets.size()) sample.buckets[i].second += cumulative;
  }
  sample.count += cumulative;
  sample.sum += static_cast<double>(sum_ns_.load(std::memory_order_relaxed)) / 1e9;
}

}  // namespace triune::telemetry
