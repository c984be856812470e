// Objects that no task makes.
#pragma once

#include <atomic>
#include <cstdint>
#include <typeinfo>
#include <utility>

#include "triune/core/detail/object.h"
#include "triune/core/detail/state_book.h"

namespace triune::detail {

/// A value that somebody has put.
template <typename T>
class PutObject final : public Object {
 public:
  template <typename... Arguments>
  explicit PutObject(Arguments&&... arguments) {
    value_.Emplace(std::forward<Arguments>(arguments)...);
    word_.store(kHasValue, std::memory_order_relaxed);
    SetReady();
  }
  /// In lists of objects. Before anybody else knows of it.
  void Track(compute::StateBook* book) noexcept {
    if (TrackObject(book, *this, -1)) word_.fetch_or(kIsTracked, std::memory_order_relaxed);
  }
  void* value() noexcept override { return &value_.get(); }
  const std::type_info& value_type() const noexcept override { return typeid(T); }

 private:
  static constexpr uint32_t kHasValue = 1;
  static constexpr uint32_t kIsTracked = 2;
  ~PutObject() override {
    if ((word_.load(std::memory_order_relaxed) & kIsTracked) != 0) [[unlikely]]
      ForgetObject(*this);
    DestroyValue();
  }
  void DropValue() noexcept override { DestroyValue(); }
  void DestroyValue() noexcept {
    if ((word_.fetch_and(~kHasValue, std::memory_order_relaxed) & kHasValue) != 0) value_.Destroy();
  }
  Slot<T> value_;
};

}  // namespace triune::detail
