// Objects that no task makes.
#pragma once

#include <utility>

#include "triune/core/detail/object.h"

namespace triune::detail {

/// A value that somebody has put.
template <typename T>
class PutObject final : public Object {
 public:
  template <typename... Arguments>
  explicit PutObject(Arguments&&... arguments) : value_(std::forward<Arguments>(arguments)...) {
    SetReady();
  }
  void* value() noexcept override { return &value_; }
  const std::type_info& value_type() const noexcept override { return typeid(T); }

 private:
  T value_;
};

}  // namespace triune::detail
