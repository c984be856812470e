// Freeing values although there are references to them.
#include "triune/core/session.h"

namespace triune {

Status detail::Engine::FreeObject(Object& object) {
  if (object.Free()) return {};
  Task* const task = object.task();
  return InvalidArgument("what is not ready can't be freed: " +
                         (task == nullptr ? std::string("an object") : "the result of " + task->Name()));
}

bool Session::Contains(detail::Object& object) {
  {
    const detail::Reading reading(object);
    if (reading.usable()) return object.status().ok();
  }
  return is_foreign_ && !object.ready() && engine_->ContainsAtDriver(object);
}

Status Session::Free(const detail::ObjectPointer& object) {
  if (!object) return InvalidArgument("an empty reference can't be freed");
  return engine_->FreeObject(*object);
}

}  // namespace triune
