#include "triune/buffer.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cassert>
#include <cstdlib>
#include <cstring>
#include <new>

namespace triune {

/// Stands before the bytes it describes (own memory), or alone (adopted memory).
struct alignas(Buffer::kAlignment) Buffer::Block {
  std::atomic<uint32_t> references{1};
  uint32_t size_class = 0;
  void* owner = nullptr;
  void (*release)(void*) = nullptr;
  Block* next_free = nullptr;
};

/// Free blocks by power-of-two size, kept by the thread that freed them last. Bounded: what is over goes back to the
/// system. Blocks above the largest class are never kept.
struct BufferPool {
  static constexpr uint32_t kSmallestLog2 = 7;
  static constexpr uint32_t kLargestLog2 = 22;
  static constexpr uint32_t kClasses = kLargestLog2 - kSmallestLog2 + 1;
  static constexpr uint32_t kUnpooled = kClasses;
  static constexpr size_t kKeptBytesPerClass = 4U << 20U;
  static constexpr size_t kKeptBlocksPerClass = 256;

  struct FreeList {
    Buffer::Block* head = nullptr;
    size_t count = 0;
  };
  std::array<FreeList, kClasses> lists;

  ~BufferPool() {
    alive = false;
    for (FreeList& list : lists) {
      while (list.head != nullptr) {
        Buffer::Block* block = std::exchange(list.head, list.head->next_free);
        std::free(block);
      }
    }
  }

  static constexpr size_t BytesOf(uint32_t size_class) { return size_t{1} << (kSmallestLog2 + size_class); }

  static Buffer::Block* Take(size_t payload) {
    size_t total = payload + sizeof(Buffer::Block) + Buffer::kPadding;
    if (total < payload) throw std::bad_alloc();
    uint32_t log2 = std::max<uint32_t>(kSmallestLog2, static_cast<uint32_t>(std::bit_width(total - 1)));
    uint32_t size_class = log2 > kLargestLog2 ? kUnpooled : log2 - kSmallestLog2;
    if (size_class != kUnpooled) {
      total = BytesOf(size_class);
      if (alive) {
        FreeList& list = pool.lists[size_class];
        if (list.head != nullptr) {
          --list.count;
          Buffer::Block* block = std::exchange(list.head, list.head->next_free);
          return new (block) Buffer::Block{.size_class = size_class};
        }
      }
    } else {
      total = (total + Buffer::kAlignment - 1) / Buffer::kAlignment * Buffer::kAlignment;
      if (total < payload) throw std::bad_alloc();
    }
    void* memory = std::aligned_alloc(Buffer::kAlignment, total);
    if (memory == nullptr) throw std::bad_alloc();
    return new (memory) Buffer::Block{.size_class = size_class};
  }

  static void Give(Buffer::Block* block) {
    if (block->release != nullptr) block->release(block->owner);
    if (block->size_class != kUnpooled && alive) {
      FreeList& list = pool.lists[block->size_class];
      size_t most = std::clamp<size_t>(kKeptBytesPerClass / BytesOf(block->size_class), 1, kKeptBlocksPerClass);
      if (list.count < most) {
        block->next_free = std::exchange(list.head, block);
        ++list.count;
        return;
      }
    }
    std::free(block);
  }

  static thread_local bool alive;
  static thread_local BufferPool pool;
};
// `alive` has no destructor, so it may be read while the thread's other variables are being destroyed.
thread_local bool BufferPool::alive = true;
thread_local BufferPool BufferPool::pool;

Buffer Buffer::Allocate(size_t size) {
  Buffer buffer;
  buffer.block_ = BufferPool::Take(size);
  buffer.data_ = reinterpret_cast<const std::byte*>(buffer.block_ + 1);
  buffer.size_ = size;
  return buffer;
}

Buffer Buffer::Adopt(const void* data, size_t size, void* owner, void (*release)(void*)) {
  Buffer buffer;
  buffer.block_ = BufferPool::Take(0);
  buffer.block_->owner = owner;
  buffer.block_->release = release;
  buffer.data_ = static_cast<const std::byte*>(data);
  buffer.size_ = size;
  return buffer;
}

Buffer Buffer::CopyOf(std::span<const std::byte> bytes) {
  Buffer buffer = Allocate(bytes.size());
  if (!bytes.empty()) std::memcpy(buffer.mutable_data(), bytes.data(), bytes.size());
  return buffer;
}

Buffer Buffer::Slice(size_t offset, size_t size) const {
  assert(offset <= size_ && size <= size_ - offset);
  Buffer slice = *this;
  slice.data_ += offset;
  slice.size_ = size;
  return slice;
}

void* Buffer::owner(void (*release)(void* owner)) const noexcept {
  return block_ != nullptr && block_->release == release ? block_->owner : nullptr;
}

void Buffer::Ref() const noexcept {
  if (block_ != nullptr) block_->references.fetch_add(1, std::memory_order_relaxed);
}

void Buffer::Unref() noexcept {
  if (block_ == nullptr) return;
  // The only reference needs no read-modify-write: nobody else can touch the count.
  if (block_->references.load(std::memory_order_acquire) == 1 ||
      block_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    BufferPool::Give(block_);
  }
}

}  // namespace triune
