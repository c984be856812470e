#include "compute/shm/slab_class.h"

#include <bit>

namespace triune::compute::shm {

SlabClass::SlabClass(PageMap& map, PageRuns& runs, size_t index)
    : map_(map),
      runs_(runs),
      block_bytes_(BytesOfClass(index)),
      slab_pages_(SlabPagesOfClass(index)),
      slab_blocks_(static_cast<uint32_t>(slab_pages_ * kPageBytes / block_bytes_)) {}

std::optional<uint64_t> SlabClass::Allocate() {
  std::lock_guard lock(mutex_);
  Slab* slab = first_;
  if (slab == nullptr) [[unlikely]] {
    slab = AddSlab();
    if (slab == nullptr) return std::nullopt;
  }
  if (slab == empty_) empty_ = nullptr;
  auto word = static_cast<uint32_t>(std::countr_zero(slab->words_with_free));
  auto bit = static_cast<uint32_t>(std::countr_zero(slab->free[word]));
  slab->free[word] &= slab->free[word] - 1;
  if (slab->free[word] == 0) slab->words_with_free &= slab->words_with_free - 1;
  if (--slab->free_blocks == 0) Unlink(*slab);
  ++used_blocks_;
  return slab->first_page * kPageBytes + uint64_t{word * 64 + bit} * block_bytes_;
}

std::optional<uint32_t> SlabClass::IndexOf(const Slab& slab, uint64_t at) const {
  uint64_t begin = slab.first_page * kPageBytes;
  if (!slab.in_use || at < begin || at - begin >= slab_pages_ * kPageBytes) return std::nullopt;
  auto inside = static_cast<uint32_t>(at - begin);
  uint32_t index = inside / block_bytes_;
  if (inside % block_bytes_ != 0 || index >= slab_blocks_) return std::nullopt;
  bool free = (slab.free[index / 64] >> index % 64 & 1U) != 0;
  return free ? std::nullopt : std::optional(index);
}

bool SlabClass::Free(Slab& slab, uint64_t at) {
  uint32_t first_page = 0;
  {
    std::lock_guard lock(mutex_);
    std::optional<uint32_t> index = IndexOf(slab, at);
    if (!index) return false;
    slab.free[*index / 64] |= uint64_t{1} << *index % 64;
    slab.words_with_free |= 1U << *index / 64;
    --used_blocks_;
    if (++slab.free_blocks == 1) PushFront(slab);
    if (slab.free_blocks < slab_blocks_) [[likely]]
      return true;
    if (empty_ == nullptr) {
      empty_ = &slab;
      Unlink(slab);
      PushBack(slab);
      return true;
    }
    first_page = RemoveSlab(slab);
  }
  runs_.Free(first_page, slab_pages_);
  return true;
}

bool SlabClass::IsUsed(const Slab& slab, uint64_t at) const {
  std::lock_guard lock(mutex_);
  return IndexOf(slab, at).has_value();
}

void SlabClass::Trim() {
  uint32_t first_page = 0;
  {
    std::lock_guard lock(mutex_);
    if (empty_ == nullptr) return;
    first_page = RemoveSlab(*empty_);
    empty_ = nullptr;
  }
  runs_.Free(first_page, slab_pages_);
}

SlabClass::Statistics SlabClass::statistics() const {
  std::lock_guard lock(mutex_);
  return {block_bytes_, used_blocks_, slabs_};
}

Slab* SlabClass::AddSlab() {
  std::optional<uint32_t> first_page = runs_.Allocate(slab_pages_);
  if (!first_page) return nullptr;
  Slab* slab = nullptr;
  if (spare_.empty()) {
    slab = &all_.emplace_back();
    slab->owner = this;
  } else {
    slab = spare_.back();
    spare_.pop_back();
  }
  slab->in_use = true;
  slab->first_page = *first_page;
  slab->free_blocks = slab_blocks_;
  slab->words_with_free = 0;
  for (uint32_t i = 0; i < slab->free.size(); ++i) {
    uint32_t blocks = i * 64 < slab_blocks_ ? slab_blocks_ - i * 64 : 0;
    slab->free[i] = blocks >= 64 ? ~uint64_t{0} : (uint64_t{1} << blocks) - 1;
    if (blocks > 0) slab->words_with_free |= 1U << i;
  }
  for (uint32_t i = 0; i < slab_pages_; ++i) {
    map_.Store(*first_page + i, {PageMap::Kind::kSlab, reinterpret_cast<uint64_t>(slab)});
  }
  PushFront(*slab);
  ++slabs_;
  return slab;
}

uint32_t SlabClass::RemoveSlab(Slab& slab) {
  Unlink(slab);
  slab.in_use = false;
  for (uint32_t i = 0; i < slab_pages_; ++i) map_.Store(slab.first_page + i, {});
  spare_.push_back(&slab);
  --slabs_;
  return slab.first_page;
}

void SlabClass::PushFront(Slab& slab) {
  slab.previous = nullptr;
  slab.next = first_;
  (first_ == nullptr ? last_ : first_->previous) = &slab;
  first_ = &slab;
}

void SlabClass::PushBack(Slab& slab) {
  slab.next = nullptr;
  slab.previous = last_;
  (last_ == nullptr ? first_ : last_->next) = &slab;
  last_ = &slab;
}

void SlabClass::Unlink(Slab& slab) {
  (slab.previous == nullptr ? first_ : slab.previous->next) = slab.next;
  (slab.next == nullptr ? last_ : slab.next->previous) = slab.previous;
}

}  // namespace triune::compute::shm
