// What is counted about one model.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/clock.h"
#include "telemetry/metrics.h"
#include "triune/status.h"

namespace triune::serving {

enum class Protocol : uint8_t { kV1, kV2, kGrpc };
inline constexpr int kProtocolCount = 3;
std::string_view ProtocolName(Protocol protocol);

/// The phases of a request that KServe times.
enum class Phase : uint8_t { kPreprocess, kPredict, kPostprocess, kQueue };
inline constexpr int kPhaseCount = 4;

/// Counts and times of one model. The memory of a thread's share is allocated when that thread first serves the model,
/// so that thousands of idle models cost little. Thread-safe, lock-free.
class ModelMetrics {
 public:
  ModelMetrics() = default;
  ~ModelMetrics();
  ModelMetrics(const ModelMetrics&) = delete;
  ModelMetrics& operator=(const ModelMetrics&) = delete;

  /// One finished request.
  void CountRequest(Protocol protocol, StatusCode code, uint64_t request_bytes, uint64_t response_bytes);
  void Observe(Phase phase, Duration duration);

  std::atomic<int64_t> in_flight{0};
  std::atomic<int64_t> queued{0};

  uint64_t Requests(Protocol protocol, StatusCode code) const;
  uint64_t RequestBytes() const;
  uint64_t ResponseBytes() const;
  telemetry::Sample Latency(Phase phase) const;

 private:
  struct Shard {
    std::array<std::array<std::atomic<uint64_t>, kStatusCodeCount>, kProtocolCount> requests{};
    std::atomic<uint64_t> request_bytes{0};
    std::atomic<uint64_t> response_bytes{0};
    std::array<telemetry::LatencyCells, kPhaseCount> latency{};
  };
  Shard& MyShard();

  std::array<std::atomic<Shard*>, telemetry::kShards> shards_{};
};

}  // namespace triune::serving
