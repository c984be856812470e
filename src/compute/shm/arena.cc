#include "compute/shm/arena.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"

namespace triune::compute::shm {

namespace {

Status NoBlock(uint64_t offset) { return NotFound(StrCat("no block of shared memory is allocated at ", offset)); }

Slab& SlabOf(PageMap::Word word) {
  return *reinterpret_cast<Slab*>(word.value);  // NOLINT(performance-no-int-to-ptr)
}

}  // namespace

Result<std::unique_ptr<Arena>> Arena::Create(const Segment& segment, const ArenaOptions& options) {
  uint64_t end = std::min(options.end, segment.size());
  uint64_t first = options.begin / kPageBytes + (options.begin % kPageBytes != 0 ? 1 : 0);
  if (first * kPageBytes < Segment::kHeaderBytes || first >= end / kPageBytes) {
    return InvalidArgument(StrCat("no place for blocks of shared memory: from ", options.begin, " to ", end));
  }
  uint64_t pages = end / kPageBytes - first;
  if (pages >= UINT32_MAX) return InvalidArgument(StrCat("too much shared memory for an arena: ", pages, " pages"));
  return std::unique_ptr<Arena>(
      new Arena(segment, first * kPageBytes, static_cast<uint32_t>(pages), options.most_kept_bytes / kPageBytes));
}

Arena::Arena(const Segment& segment, uint64_t begin, uint32_t pages, uint64_t most_kept_pages)
    : begin_(begin), pages_(pages), map_(pages), runs_(segment, map_, begin, pages, most_kept_pages) {
  for (size_t i = 0; i < kSizeClasses; ++i) classes_.emplace_back(map_, runs_, i);
}

Result<Block> Arena::Allocate(uint64_t bytes) {
  if (std::optional<Block> block = TryAllocate(bytes)) return *block;
  ArenaStatistics now = statistics();
  return ResourceExhausted(StrCat("no room in shared memory: want ", bytes, " bytes, largest free run ",
                                  now.largest_free_run, ", used ", now.used, " of ", now.capacity));
}

std::optional<Block> Arena::TryAllocate(uint64_t bytes) {
  if (bytes > kLargestClassBytes) return AllocatePages(bytes);
  SlabClass& size_class = classes_[ClassOf(std::max<uint64_t>(bytes, 1))];
  std::optional<uint64_t> at = size_class.Allocate();
  if (!at) [[unlikely]] {
    Trim();
    at = size_class.Allocate();
    // No place for another slab, but perhaps for a single block.
    if (!at) return AllocatePages(bytes);
  }
  return Block{begin_ + *at, size_class.block_bytes()};
}

std::optional<Block> Arena::AllocatePages(uint64_t bytes) {
  if (bytes <= pages_ * kPageBytes) {
    auto pages = static_cast<uint32_t>(std::max<uint64_t>((bytes + kPageBytes - 1) / kPageBytes, 1));
    std::optional<uint32_t> first = runs_.Allocate(pages);
    if (!first) {
      Trim();
      first = runs_.Allocate(pages);
    }
    if (first) {
      large_blocks_.fetch_add(1, std::memory_order_relaxed);
      large_pages_.fetch_add(pages, std::memory_order_relaxed);
      map_.Store(*first, {PageMap::Kind::kLarge, pages});
      return Block{begin_ + *first * kPageBytes, pages * kPageBytes};
    }
  }
  return std::nullopt;
}

Status Arena::Free(uint64_t offset) {
  if (!Contains(offset)) return NoBlock(offset);
  uint32_t page = PageOf(offset);
  PageMap::Word word = map_.Load(page);
  if (word.kind == PageMap::Kind::kSlab) {
    Slab& slab = SlabOf(word);
    return slab.owner->Free(slab, offset - begin_) ? Status() : NoBlock(offset);
  }
  // Of two threads that free it, one gets it.
  if (word.kind != PageMap::Kind::kLarge || offset % kPageBytes != 0 || !map_.Claim(page, word)) return NoBlock(offset);
  runs_.Free(page, static_cast<uint32_t>(word.value));
  large_pages_.fetch_sub(word.value, std::memory_order_relaxed);
  large_blocks_.fetch_sub(1, std::memory_order_relaxed);
  return {};
}

Result<Block> Arena::Find(uint64_t offset) const {
  if (!Contains(offset)) return NoBlock(offset);
  PageMap::Word word = map_.Load(PageOf(offset));
  if (word.kind == PageMap::Kind::kLarge && offset % kPageBytes == 0) return Block{offset, word.value * kPageBytes};
  if (word.kind == PageMap::Kind::kSlab) {
    const Slab& slab = SlabOf(word);
    if (slab.owner->IsUsed(slab, offset - begin_)) return Block{offset, slab.owner->block_bytes()};
  }
  return NoBlock(offset);
}

void Arena::Trim() {
  for (SlabClass& size_class : classes_) size_class.Trim();
}

ArenaStatistics Arena::statistics() const {
  PageRuns::Statistics runs = runs_.statistics();
  ArenaStatistics result{.capacity = pages_ * kPageBytes,
                         .large_blocks = large_blocks_.load(std::memory_order_relaxed),
                         .large_used = large_pages_.load(std::memory_order_relaxed) * kPageBytes,
                         .free = runs.free_pages * kPageBytes,
                         .free_runs = runs.free_runs,
                         .largest_free_run = runs.largest_run * kPageBytes,
                         .kept = runs.kept_pages * kPageBytes,
                         .classes = {}};
  result.used = result.large_used;
  for (size_t i = 0; i < kSizeClasses; ++i) {
    result.classes[i] = classes_[i].statistics();
    result.used += result.classes[i].used_blocks * result.classes[i].block_bytes;
  }
  return result;
}

}  // namespace triune::compute::shm
