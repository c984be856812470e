#include "serving/model_metrics.h"

namespace triune::serving {

std::string_view ProtocolName(Protocol protocol) {
  static constexpr std::string_view kNames[kProtocolCount] = {"v1", "v2", "grpc"};
  return kNames[static_cast<size_t>(protocol)];
}

ModelMetrics::~ModelMetrics() {
  for (auto& shard : shards_) delete shard.load(std::memory_order_acquire);
}

ModelMetrics::Shard& ModelMetrics::MyShard() {
  std::atomic<Shard*>& slot = shards_[telemetry::ThisThreadShard()];
  Shard* shard = slot.load(std::memory_order_acquire);
  if (shard != nullptr) return *shard;
  auto fresh = std::make_unique<Shard>();
  if (slot.compare_exchange_strong(shard, fresh.get(), std::memory_order_acq_rel)) return *fresh.release();
  return *shard;  // another thread of the same number was first
}

void ModelMetrics::CountRequest(Protocol protocol, StatusCode code, uint64_t request_bytes, uint64_t response_bytes) {
  Shard& shard = MyShard();
  shard.requests[static_cast<size_t>(protocol)][static_cast<size_t>(code)].fetch_add(1, std::memory_order_relaxed);
  shard.request_bytes.fetch_add(request_bytes, std::memory_order_relaxed);
  shard.response_bytes.fetch_add(response_bytes, std::memory_order_relaxed);
}

void ModelMetrics::Observe(Phase phase, Duration duration) {
  MyShard().latency[static_cast<size_t>(phase)].Observe(duration);
}

uint64_t ModelMetrics::Requests(Protocol protocol, StatusCode code) const {
  uint64_t sum = 0;
  for (const auto& slot : shards_) {
    if (const Shard* shard = slot.load(std::memory_order_acquire)) {
      sum += shard->requests[static_cast<size_t>(protocol)][static_cast<size_t>(code)].load(std::memory_order_relaxed);
    }
  }
  return sum;
}

uint64_t ModelMetrics::RequestBytes() const {
  uint64_t sum = 0;
  for (const auto& slot : shards_) {
    if (const Shard* shard = slot.load(std::memory_order_acquire))
      sum += shard->request_bytes.load(std::memory_order_relaxed);
  }
  return sum;
}

uint64_t ModelMetrics::ResponseBytes() const {
  uint64_t sum = 0;
  for (const auto& slot : shards_) {
    if (const Shard* shard = slot.load(std::memory_order_acquire))
      sum += shard->response_bytes.load(std::memory_order_relaxed);
  }
  return sum;
}

telemetry::Sample ModelMetrics::Latency(Phase phase) const {
  telemetry::Sample sample;
  for (const auto& slot : shards_) {
    if (const Shard* shard = slot.load(std::memory_order_acquire))
      shard->latency[static_cast<size_t>(phase)].AddTo(sample);
  }
  return sample;
}

}  // namespace triune::serving
