// A value that is looked at where it lies.
#pragma once

#include <memory>
#include <utility>

#include "triune/core/detail/object.h"

namespace triune {

/// The value of an object, without a copy; it stays as long as a view of it does, also when it is freed
/// (Session::Free). Thread-compatible; so is T, when several look at it.
template <typename T>
class ObjectView {
 public:
  /// Of nothing.
  ObjectView() = default;
  const T& operator*() const noexcept { return *get(); }
  const T* operator->() const noexcept { return get(); }
  const T* get() const noexcept { return static_cast<const T*>(use_->object().value()); }

 private:
  friend class Session;
  explicit ObjectView(std::shared_ptr<const detail::ObjectUse> use) : use_(std::move(use)) {}
  std::shared_ptr<const detail::ObjectUse> use_;
};

}  // namespace triune
