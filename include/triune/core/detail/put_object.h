// Objects that no task makes.
#pragma once

#include <utility>

#include "triune/core/detail/object.h"
#include "triune/core/detail/state_book.h"

namespace triune::detail {

/// A value that somebody has put.
template <typename T>
class PutObject final : public Object {
 public:
  template <typename... Arguments>
  explicit PutObject(Arguments&&... arguments) : value_(std::forward<Arguments>(arguments)...) {
    SetReady();
  }
  ~PutObject() override {
    if (word_.load(std::memory_order_relaxed) != 0) [[unlikely]]
      ForgetObject(*this);
  }
  /// In lists of objects. Before anybody else knows of it.
  void Track(compute::StateBook* book) noexcept {
    if (TrackObject(book, *this, -1)) word_.store(1, std::memory_order_relaxed);
  }
  void* value() noexcept override { return &value_; }
  const std::type_info& value_type() const noexcept override { return typeid(T); }

 private:
  T value_;
};

}  // namespace triune::detail
