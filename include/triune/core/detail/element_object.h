// One of several values that a task has given together.
#pragma once

#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "triune/core/detail/object.h"
#include "triune/core/detail/received_object.h"
#include "triune/core/object_ref.h"
#include "triune/status.h"

namespace triune::detail {

/// A part of the value of another object, which lives as long, and does not go when it is freed. Ready, or an error,
/// when that is.
class ElementObject final : public Object, private ValueUser {
 public:
  using Part = void* (*)(void* whole);
  static ObjectPointer Make(ObjectPointer whole, const std::type_info& type, Part part);

  /// The one that makes the whole: whoever waits may run it, and Cancel is meant for it.
  Task* task() noexcept override { return whole_->task(); }
  void* value() noexcept override { return part_(whole_->value()); }
  const std::type_info& value_type() const noexcept override { return type_; }

 private:
  ElementObject(ObjectPointer whole, const std::type_info& type, Part part)
      : whole_(std::move(whole)), type_(type), part_(part) {}
  ~ElementObject() override { ValueUser::EndUse(*whole_); }
  void DropValue() noexcept override { ValueUser::EndUse(*whole_); }
  void OnReady(Object& whole) noexcept override;

  const ObjectPointer whole_;
  const std::type_info& type_;
  const Part part_;
};

template <typename T, size_t I>
ObjectRef<std::tuple_element_t<I, T>> ElementOf(const ObjectRef<T>& whole) {
  using Element = std::tuple_element_t<I, T>;
  static_assert(std::is_object_v<Element>, "elements that are references refer to nothing that the task keeps");
  return ObjectRef<Element>(ElementObject::Make(
      whole.object(), typeid(Element), [](void* value) -> void* { return &std::get<I>(*static_cast<T*>(value)); }));
}

/// A copy, where the value is not kept by this process. `status`: of the whole.
template <typename T, size_t I>
ObjectRef<std::tuple_element_t<I, T>> CopyOfElement(const ObjectRef<T>& whole, const Status& status) {
  using Element = std::tuple_element_t<I, T>;
  if constexpr (std::is_copy_constructible_v<Element>) {
    if (status.ok()) {
      return ObjectRef<Element>(ObjectPointer::Adopt(
          new TypedReceivedObject<Element>(std::get<I>(*static_cast<const T*>(whole.object()->value())))));
    }
  }
  auto* failed = new TypedReceivedObject<Element>();
  failed->Fail(status.ok() ? InvalidArgument("an element that can't be copied, in a process for tasks") : status);
  return ObjectRef<Element>(ObjectPointer::Adopt(failed));
}

}  // namespace triune::detail
