// An object that a test makes ready when it likes.
#pragma once

#include <utility>

#include "triune/core.h"

namespace triune::compute {

/// Thread-compatible; the reference may be used on any thread.
class Door {
 public:
  Door() : object_(detail::Pointer<Value>::Adopt(new Value)) {}
  ObjectRef<int> reference() const { return ObjectRef<int>(detail::ObjectPointer(object_)); }
  void Open(int value = 0) {
    object_->value_ = value;
    object_->SetReady();
  }
  void Fail(Status error) { object_->SetReady(std::move(error)); }

 private:
  class Value final : public detail::Object {
   public:
    void* value() noexcept override { return &value_; }
    const std::type_info& value_type() const noexcept override { return typeid(int); }
    int value_ = 0;
  };
  detail::Pointer<Value> object_;
};

}  // namespace triune::compute
