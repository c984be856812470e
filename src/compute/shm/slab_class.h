// Small blocks.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "compute/shm/page_map.h"
#include "compute/shm/page_runs.h"
#include "compute/shm/size_classes.h"

namespace triune::compute::shm {

class SlabClass;

/// Some pages cut into blocks of one size. What describes it is never destroyed before the arena, and never becomes
/// another class's: a thread that asks to free a block may have read of it just before the slab was given back.
struct Slab {
  static constexpr size_t kMostBlocks = 1024;

  SlabClass* owner;
  bool in_use = false;
  uint32_t first_page = 0;
  uint32_t free_blocks = 0;
  uint32_t words_with_free = 0;                   ///< A bit for each word that is not 0.
  std::array<uint64_t, kMostBlocks / 64> free{};  ///< A bit for each block.
  Slab* previous = nullptr;
  Slab* next = nullptr;
};

/// The blocks of one size. One slab without any used block is kept, so that a single block that comes and goes does not
/// make a slab each time. Thread-safe.
class alignas(64) SlabClass {
 public:
  struct Statistics {
    uint32_t block_bytes = 0;
    uint64_t used_blocks = 0;
    uint64_t slabs = 0;
  };
  SlabClass(PageMap& map, PageRuns& runs, size_t index);

  /// Bytes from the beginning of the arena; none when there is no run of pages for another slab.
  std::optional<uint64_t> Allocate();
  /// `slab` is what the map had for the page of `at`, it may be another's by now. False when no used block begins
  /// there.
  bool Free(Slab& slab, uint64_t at);
  bool IsUsed(const Slab& slab, uint64_t at) const;
  /// Gives back the empty slab.
  void Trim();

  uint32_t block_bytes() const { return block_bytes_; }
  Statistics statistics() const;

 private:
  /// The doubly linked list of the slabs with free blocks; empty ones at its end.
  void PushFront(Slab& slab);
  void PushBack(Slab& slab);
  void Unlink(Slab& slab);
  Slab* AddSlab();
  /// The caller then gives the pages back, without the lock.
  uint32_t RemoveSlab(Slab& slab);
  /// The number of the used block that begins there.
  std::optional<uint32_t> IndexOf(const Slab& slab, uint64_t at) const;

  PageMap& map_;
  PageRuns& runs_;
  const uint32_t block_bytes_;
  const uint32_t slab_pages_;
  const uint32_t slab_blocks_;

  mutable std::mutex mutex_;
  Slab* first_ = nullptr;
  Slab* last_ = nullptr;
  Slab* empty_ = nullptr;
  uint64_t used_blocks_ = 0;
  uint64_t slabs_ = 0;
  std::deque<Slab> all_;
  std::vector<Slab*> spare_;  ///< Descriptions without pages.
};

}  // namespace triune::compute::shm
