#include "triune/core/detail/element_object.h"

namespace triune::detail {

ObjectPointer ElementObject::Make(ObjectPointer whole, const std::type_info& type, Part part) {
  auto element = Pointer<ElementObject>::Adopt(new ElementObject(std::move(whole), type, part));
  element->Ref();  // until it was told
  if (!element->whole_->AddUser(*element)) element->OnReady(*element->whole_);
  return element;
}

void ElementObject::OnReady(Object& whole) noexcept {
  SetReady(Status(StatusOf(whole)));
  Unref();
}

}  // namespace triune::detail
