// Memory that tensors share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace triune {

/// A reference to a block of bytes, counted atomically: copies and slices share the block, the last one frees it.
/// Written by the one who allocated it, then only read. The block comes from a per-thread pool (64-byte aligned, with
/// kPadding bytes more behind it that may be read and written), or belongs to someone else (Adopt). Thread-compatible;
/// several Buffers on one block may be used from several threads.
class Buffer {
 public:
  static constexpr size_t kAlignment = 64;
  static constexpr size_t kPadding = 64;

  Buffer() = default;
  Buffer(const Buffer& other) noexcept : block_(other.block_), data_(other.data_), size_(other.size_) { Ref(); }
  Buffer(Buffer&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer other) noexcept {
    std::swap(block_, other.block_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Buffer() { Unref(); }

  /// `size` bytes, not initialised. Throws std::bad_alloc when the system has no memory.
  static Buffer Allocate(size_t size);
  /// Memory of somebody else's: release(owner) is called once, from any thread, when nothing refers to it any more.
  static Buffer Adopt(const void* data, size_t size, void* owner, void (*release)(void* owner));
  static Buffer CopyOf(std::span<const std::byte> bytes);

  const std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  /// For the one who fills the buffer, before it is shared. Not for adopted memory.
  std::byte* mutable_data() { return const_cast<std::byte*>(data_); }
  /// The bytes [offset, offset + size) of this buffer, which must lie inside it.
  Buffer Slice(size_t offset, size_t size) const;
  /// The same block, from the same start, cut to `size` bytes (which may be more than now, up to what was allocated).
  void Truncate(size_t size) { size_ = size; }
  void Reset() { *this = Buffer(); }
  /// Of the Adopt that made the block, when that was given this release; else null.
  void* owner(void (*release)(void* owner)) const noexcept;

 private:
  struct Block;
  friend struct BufferPool;
  void Ref() const noexcept;
  void Unref() noexcept;

  Block* block_ = nullptr;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace triune
