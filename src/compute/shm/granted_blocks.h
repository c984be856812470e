// Blocks for results that are not there yet.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "compute/shm/segment.h"

namespace triune::compute::shm {

/// What a worker has of blocks that the driver has granted in advance, so that most results too large for a message
/// need no question. It is the worker's own memory: the driver has all of them in its Leases, and frees them there when
/// the worker dies. Thread-compatible.
class GrantedBlocks {
 public:
  static constexpr size_t kMost = 16;
  /// A block is not used for less than this part of it.
  static constexpr uint64_t kMostWaste = 4;

  /// False when there are so many that the worker should give this one back.
  bool Put(const Block& block) {
    if (count_ == kMost) return false;
    blocks_[count_++] = block;
    return true;
  }

  /// The smallest that is large enough, if it is not much too large.
  std::optional<Block> Take(uint64_t bytes) {
    Block* best = nullptr;
    for (size_t i = 0; i < count_; ++i) {
      Block& block = blocks_[i];
      bool fits = block.bytes >= bytes && block.bytes / kMostWaste <= bytes;
      if (fits && (best == nullptr || block.bytes < best->bytes)) best = &block;
    }
    if (best == nullptr) return std::nullopt;
    return std::exchange(*best, blocks_[--count_]);
  }

  size_t size() const { return count_; }

 private:
  std::array<Block, kMost> blocks_;
  size_t count_ = 0;
};

}  // namespace triune::compute::shm
