#include "compute/shm/page_runs.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <new>

namespace triune::compute::shm {

PageRuns::PageRuns(const Segment& segment, PageMap& map, uint64_t begin, uint32_t pages, uint64_t most_kept_pages)
    : segment_(segment),
      map_(map),
      begin_(begin),
      pages_(pages),
      most_kept_pages_(most_kept_pages),
      kept_(static_cast<uint64_t*>(std::calloc(pages / 64 + 1, sizeof(uint64_t))), &std::free) {
  if (kept_ == nullptr) throw std::bad_alloc();
  Insert(0, pages);
}

std::optional<uint32_t> PageRuns::Allocate(uint32_t pages) {
  std::unique_lock lock(mutex_);
  auto found = free_.lower_bound({pages, 0});
  if (found == free_.end()) return std::nullopt;
  auto [run_pages, first] = *found;
  MarkEdges(first, run_pages, {});
  auto node = free_.extract(found);
  if (run_pages > pages) {
    node.value() = {run_pages - pages, first + pages};
    free_.insert(std::move(node));
    MarkEdges(first + pages, run_pages - pages, {PageMap::Kind::kFreeEdge, run_pages - pages});
  }
  free_pages_ -= pages;
  kept_pages_ -= SetKept(first, pages, false);
  if (begin_ < segment_.disk_begin()) return first;
  // Takes a while, too.
  lock.unlock();
  Status status = segment_.Reserve({begin_ + first * kPageBytes, pages * kPageBytes});
  if (status.ok()) return first;
  lock.lock();
  last_failure_ = std::move(status);
  Insert(first, pages);
  return std::nullopt;
}

void PageRuns::Free(uint32_t first, uint32_t pages) {
  std::unique_lock lock(mutex_);
  bool keep = kept_pages_ + pages <= most_kept_pages_;
  if (!keep) {
    // Takes a while, and may be done without the lock: until it is done, nobody else gets these pages.
    lock.unlock();
    keep = !segment_.Discard({begin_ + first * kPageBytes, pages * kPageBytes}).ok();
    lock.lock();
  }
  if (keep) kept_pages_ += SetKept(first, pages, true);
  Insert(first, pages);
}

void PageRuns::Insert(uint32_t first, uint32_t pages) {
  free_pages_ += pages;
  PageMap::Word before = first > 0 ? map_.Load(first - 1) : PageMap::Word();
  PageMap::Word after = first + pages < pages_ ? map_.Load(first + pages) : PageMap::Word();
  if (before.kind == PageMap::Kind::kFreeEdge) {
    auto more = static_cast<uint32_t>(before.value);
    MarkEdges(first - more, more, {});
    free_.erase({more, first - more});
    first -= more;
    pages += more;
  }
  if (after.kind == PageMap::Kind::kFreeEdge) {
    auto more = static_cast<uint32_t>(after.value);
    MarkEdges(first + pages, more, {});
    free_.erase({more, first + pages});
    pages += more;
  }
  free_.emplace(pages, first);
  MarkEdges(first, pages, {PageMap::Kind::kFreeEdge, pages});
}

void PageRuns::MarkEdges(uint32_t first, uint32_t pages, PageMap::Word word) {
  map_.Store(first, word);
  map_.Store(first + pages - 1, word);
}

uint32_t PageRuns::SetKept(uint32_t first, uint32_t pages, bool kept) {
  uint32_t changed = 0;
  for (uint32_t end = first + pages; first < end;) {
    uint32_t bit = first % 64;
    uint32_t count = std::min(64 - bit, end - first);
    uint64_t mask = (~uint64_t{0} >> (64 - count)) << bit;
    uint64_t& word = kept_[first / 64];
    changed += static_cast<uint32_t>(std::popcount(mask & (kept ? ~word : word)));
    word = kept ? word | mask : word & ~mask;
    first += count;
  }
  return changed;
}

Status PageRuns::last_failure() const {
  std::lock_guard lock(mutex_);
  return last_failure_;
}

PageRuns::Statistics PageRuns::statistics() const {
  std::lock_guard lock(mutex_);
  return {free_pages_, free_.size(), free_.empty() ? 0 : free_.rbegin()->first, kept_pages_};
}

}  // namespace triune::compute::shm
