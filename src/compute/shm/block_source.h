// Where blocks of shared memory come from.
#pragma once

#include <cstdint>

#include "compute/shm/segment.h"
#include "triune/status.h"

namespace triune::compute::shm {

/// Thread-safe.
class BlockSource {
 public:
  /// A block of at least this size. ResourceExhausted.
  virtual Result<Block> Allocate(uint64_t bytes) = 0;
  /// NotFound when no block begins there.
  virtual Status Free(uint64_t offset) = 0;

 protected:
  ~BlockSource() = default;
};

}  // namespace triune::compute::shm
