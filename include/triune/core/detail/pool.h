// Memory for the small objects that come and go by the million.
#pragma once

#include <cstddef>

namespace triune::detail {

/// Blocks by size, kept by each thread, exchanged between threads in batches: a thread that only takes and one that
/// only gives meet once in so many blocks. Memory that was taken is kept until the process ends. Thread-safe.
class Pool {
 public:
  static constexpr size_t kAlignment = 32;
  /// Throws std::bad_alloc.
  static void* Allocate(size_t size);
  static void Free(void* memory, size_t size) noexcept;
};

}  // namespace triune::detail
