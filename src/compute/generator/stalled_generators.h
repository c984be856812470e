// Generators that wait until somebody takes what they have yielded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "compute/local/worker_pool.h"
#include "triune/core/detail/generator_stream.h"

namespace triune::compute {

/// Thread-safe.
class StalledGenerators {
 public:
  /// `has_thread`: a blocked one.
  void Add(detail::GeneratorStream& stream, bool has_thread);
  /// Whether it had a thread. It must be there.
  bool Remove(detail::GeneratorStream& stream) noexcept;
  /// When the session ends: abandons all, unless a thread runs, or waits that is not theirs, and may take something
  /// later. False when it has done nothing.
  bool FailStranded(const WorkerPool& pool);

 private:
  std::mutex mutex_;
  std::unordered_map<detail::GeneratorStream*, bool> stalled_;
  int64_t threads_ = 0;
};

}  // namespace triune::compute
