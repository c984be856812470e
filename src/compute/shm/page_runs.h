// Runs of free pages.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "compute/shm/page_map.h"
#include "compute/shm/segment.h"

namespace triune::compute::shm {

/// Which pages of a range of a segment are free. Takes the smallest run that is large enough, joins neighbours at once.
/// Pages are numbered from the range's beginning. Free ones keep their memory up to a limit; what is freed beyond it
/// goes back to the system. Callers free what they have taken, and once: the arena sees to that. Thread-safe.
class PageRuns {
 public:
  struct Statistics {
    uint64_t free_pages = 0;
    uint64_t free_runs = 0;
    uint64_t largest_run = 0;  ///< In pages.
    uint64_t kept_pages = 0;   ///< Free, but with memory.
  };

  /// The range begins at `begin`, in bytes. Segment and map must outlive this and stay where they are.
  PageRuns(const Segment& segment, PageMap& map, uint64_t begin, uint32_t pages, uint64_t most_kept_pages);

  /// The first of so many pages in a row, at least one; none when no free run is as long, or there is no room for them
  /// on disk.
  std::optional<uint32_t> Allocate(uint32_t pages);
  void Free(uint32_t first, uint32_t pages);

  Statistics statistics() const;
  /// Why there was no room on disk, the last time.
  Status last_failure() const;

 private:
  using Run = std::pair<uint32_t, uint32_t>;  // pages, first: sorted by size, then place

  void Insert(uint32_t first, uint32_t pages);
  void MarkEdges(uint32_t first, uint32_t pages, PageMap::Word word);
  /// Sets or clears the bits of the pages; how many it has changed.
  uint32_t SetKept(uint32_t first, uint32_t pages, bool kept);

  const Segment& segment_;
  PageMap& map_;
  const uint64_t begin_;
  const uint32_t pages_;
  const uint64_t most_kept_pages_;

  mutable std::mutex mutex_;
  std::set<Run> free_;
  /// A bit for each page: it is free and may have memory. From calloc: where it is never touched it takes none.
  std::unique_ptr<uint64_t[], void (*)(void*)> kept_;
  uint64_t kept_pages_ = 0;
  uint64_t free_pages_ = 0;
  Status last_failure_;
};

}  // namespace triune::compute::shm
