// Objects that no task makes.
#pragma once

#include <atomic>
#include <cstdint>
#include <typeinfo>
#include <utility>

#include "triune/core/detail/object.h"

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
  void* value() noexcept override { return &value_.get(); }
  const std::type_info& value_type() const noexcept override { return typeid(T); }

 private:
  static constexpr uint32_t kHasValue = 1;
  ~PutObject() override { DestroyValue(); }
  void DropValue() noexcept override { DestroyValue(); }
  void DestroyValue() noexcept {
    if (word_.exchange(0, std::memory_order_relaxed) == kHasValue) value_.Destroy();
  }
  Slot<T> value_;
};

}  // namespace triune::detail
