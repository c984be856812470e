// A value that is looked at where it lies.
#pragma once

#include <utility>

#include "triune/core/detail/object.h"

namespace triune {

/// The value of an object, without a copy; it stays as long as a view of it does. Thread-compatible; so is T, when
/// several look at it.
template <typename T>
class ObjectView {
 public:
  /// Of nothing.
  ObjectView() = default;
  const T& operator*() const noexcept { return *get(); }
  const T* operator->() const noexcept { return get(); }
  const T* get() const noexcept { return static_cast<const T*>(object_->value()); }

 private:
  friend class Session;
  explicit ObjectView(detail::ObjectPointer object) : object_(std::move(object)) {}
  detail::ObjectPointer object_;
};

}  // namespace triune
