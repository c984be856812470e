// A reference to a value that is there, or will be.
#pragma once

#include <utility>

#include "triune/core/detail/object.h"

namespace triune {

class Session;

/// Counted: the value lives as long as somebody refers to it. As an argument of Submit it stands for its value. Empty
/// when default-constructed or moved from. Thread-compatible.
template <typename T>
class ObjectRef {
 public:
  using Value = T;
  ObjectRef() = default;
  explicit ObjectRef(detail::ObjectPointer object) : object_(std::move(object)) {}

  explicit operator bool() const noexcept { return static_cast<bool>(object_); }
  /// Whether Get would return at once. False again after Free, when the value is to be made again.
  bool ready() const noexcept { return object_->ready(); }
  const detail::ObjectPointer& object() const noexcept { return object_; }

 private:
  detail::ObjectPointer object_;
};

}  // namespace triune
