// The sizes that small blocks are rounded up to.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace triune::compute::shm {

/// Blocks begin at multiples of this, and so begin no two in one line of the processor's cache.
inline constexpr uint64_t kBlockAlignment = 64;
/// Larger blocks are runs of pages.
inline constexpr uint64_t kLargestClassBytes = 32768;

namespace detail {
/// Each 64 bytes up to here, then four sizes between one power of two and the next.
inline constexpr uint64_t kLinearBytes = 512;
inline constexpr size_t kLinearClasses = kLinearBytes / kBlockAlignment;
inline constexpr size_t kLinearWidth = 9;  // 512 is 1 << 9
}  // namespace detail

/// For 1 to kLargestClassBytes.
constexpr size_t ClassOf(uint64_t bytes) {
  uint64_t last = bytes - 1;
  if (bytes <= detail::kLinearBytes) return last / kBlockAlignment;
  auto power = static_cast<size_t>(std::bit_width(last)) - 1;
  return detail::kLinearClasses + (power - detail::kLinearWidth) * 4 + (last >> (power - 2)) % 4;
}

inline constexpr size_t kSizeClasses = ClassOf(kLargestClassBytes) + 1;

constexpr uint32_t BytesOfClass(size_t index) {
  if (index < detail::kLinearClasses) return static_cast<uint32_t>((index + 1) * kBlockAlignment);
  size_t beyond = index - detail::kLinearClasses;
  return static_cast<uint32_t>((beyond % 4 + 5) << (beyond / 4 + detail::kLinearWidth - 2));
}

/// Of one slab: enough for eight blocks, less than an eighth of it wasted.
constexpr uint32_t SlabPagesOfClass(size_t index) { return BytesOfClass(index) <= 8192 ? 16 : 64; }

}  // namespace triune::compute::shm
