// What each page of an arena is.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace triune::compute::shm {

inline constexpr uint64_t kPageBytes = 4096;

/// One word for each page, in the driver's private memory: no worker can spoil it. Any thread may read any word; who
/// writes is said at each kind. Thread-safe.
class PageMap {
 public:
  enum class Kind : uint64_t {
    kNone,      ///< Nothing that starts or ends here.
    kFreeEdge,  ///< First or last page of a free run; its pages. Written by PageRuns.
    kLarge,     ///< First page of a large block; its pages. Written by Arena.
    kSlab,      ///< Any page of a slab; the address of what describes it. Written by SlabClass.
  };
  struct Word {
    Kind kind = Kind::kNone;
    uint64_t value = 0;

    friend bool operator==(const Word&, const Word&) = default;
  };

  /// Throws std::bad_alloc. The map of an arena that nobody uses takes no memory: calloc's pages are touched later.
  explicit PageMap(uint32_t pages) : words_(static_cast<uint64_t*>(std::calloc(pages, sizeof(uint64_t)))) {
    if (words_ == nullptr) throw std::bad_alloc();
  }

  Word Load(uint32_t page) const { return Unpack(At(page).load(std::memory_order_acquire)); }
  void Store(uint32_t page, Word word) { At(page).store(Pack(word), std::memory_order_release); }
  /// True for the one caller that has put kNone in the place of `word`.
  bool Claim(uint32_t page, Word word) {
    uint64_t expected = Pack(word);
    return At(page).compare_exchange_strong(expected, 0, std::memory_order_acq_rel);
  }

 private:
  struct Deleter {
    void operator()(uint64_t* words) const { std::free(words); }
  };
  // Addresses of user space have 57 bits at most.
  static constexpr unsigned kKindShift = 62;

  std::atomic_ref<uint64_t> At(uint32_t page) const { return std::atomic_ref(words_.get()[page]); }
  static uint64_t Pack(Word word) { return static_cast<uint64_t>(word.kind) << kKindShift | word.value; }
  static Word Unpack(uint64_t word) {
    return {static_cast<Kind>(word >> kKindShift), word & ((uint64_t{1} << kKindShift) - 1)};
  }

  std::unique_ptr<uint64_t, Deleter> words_;
};

}  // namespace triune::compute::shm
