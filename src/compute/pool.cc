#include "triune/core/detail/pool.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>

namespace triune::detail {

#ifdef __SANITIZE_ADDRESS__
// AddressSanitizer is to see every block.
void* Pool::Allocate(size_t size) { return ::operator new(size, std::align_val_t{kAlignment}); }
void Pool::Free(void* memory, size_t) noexcept { ::operator delete(memory, std::align_val_t{kAlignment}); }
#else

namespace {

/// Classes of 32 bytes up to this; larger blocks are the system's.
constexpr size_t kStep = Pool::kAlignment;
constexpr size_t kLargest = 512;
constexpr size_t kClasses = kLargest / kStep;
/// Blocks that change hands together. A thread keeps fewer than two batches of a class.
constexpr uint32_t kBatch = 64;
constexpr size_t kChunkBytes = 64U << 10U;

struct Block {
  Block* next;
  Block* next_batch;  // of the first block of a batch
};
static_assert(sizeof(Block) <= kStep);

/// Batches that no thread holds.
class Exchange {
 public:
  void Give(Block* batch) noexcept {
    Lock();
    batch->next_batch = std::exchange(batches_, batch);
    Unlock();
  }
  Block* Take() noexcept {
    Lock();
    Block* batch = batches_;
    if (batch != nullptr) batches_ = batch->next_batch;
    Unlock();
    return batch;
  }

 private:
  void Lock() noexcept {
    while (locked_.test_and_set(std::memory_order_acquire)) locked_.wait(true, std::memory_order_relaxed);
  }
  void Unlock() noexcept {
    locked_.clear(std::memory_order_release);
    locked_.notify_one();
  }
  std::atomic_flag locked_;
  Block* batches_ = nullptr;
};
std::array<Exchange, kClasses> exchanges;

/// A new batch, or as much of one as a chunk of the system's memory gives.
Block* MakeBatch(size_t bytes) {
  size_t count = std::min<size_t>(kBatch, kChunkBytes / bytes);
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(kStep, count * bytes));
  if (memory == nullptr) throw std::bad_alloc();
  Block* list = nullptr;
  for (size_t i = count; i-- > 0;) {
    auto* block = reinterpret_cast<Block*>(memory + i * bytes);
    block->next = list;
    list = block;
  }
  return list;
}

struct ThreadCache {
  struct List {
    Block* head = nullptr;
    uint32_t count = 0;
    Block* full = nullptr;  ///< A whole batch, kept back so that a thread at the border does not exchange each time.
  };
  std::array<List, kClasses> lists;

  ~ThreadCache();
};

thread_local bool alive = true;  // without a destructor, so that it can be read to the very end
thread_local ThreadCache cache;

ThreadCache::~ThreadCache() {
  alive = false;
  for (size_t i = 0; i < kClasses; ++i) {
    // Batches may be of any length.
    if (lists[i].head != nullptr) exchanges[i].Give(lists[i].head);
    if (lists[i].full != nullptr) exchanges[i].Give(lists[i].full);
  }
}

uint32_t Length(const Block* batch) {
  uint32_t count = 0;
  for (; batch != nullptr; batch = batch->next) ++count;
  return count;
}

}  // namespace

void* Pool::Allocate(size_t size) {
  if (size > kLargest) return ::operator new(size, std::align_val_t{kAlignment});
  size_t index = (size - 1) / kStep;
  if (!alive) return std::aligned_alloc(kStep, (index + 1) * kStep);
  ThreadCache::List& list = cache.lists[index];
  if (list.head == nullptr) [[unlikely]] {
    list.head = std::exchange(list.full, nullptr);
    list.count = kBatch;
    if (list.head == nullptr) {
      list.head = exchanges[index].Take();
      if (list.head == nullptr) list.head = MakeBatch((index + 1) * kStep);
      list.count = Length(list.head);
    }
  }
  --list.count;
  return std::exchange(list.head, list.head->next);
}

void Pool::Free(void* memory, size_t size) noexcept {
  if (size > kLargest) return ::operator delete(memory, std::align_val_t{kAlignment});
  size_t index = (size - 1) / kStep;
  auto* block = static_cast<Block*>(memory);
  if (!alive) {
    block->next = nullptr;
    return exchanges[index].Give(block);
  }
  ThreadCache::List& list = cache.lists[index];
  block->next = std::exchange(list.head, block);
  if (++list.count < kBatch) [[likely]]
    return;
  if (list.full != nullptr) exchanges[index].Give(list.full);
  list.full = std::exchange(list.head, nullptr);
  list.count = 0;
}

#endif

}  // namespace triune::detail
