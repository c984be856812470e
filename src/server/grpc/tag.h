// What a completion queue hands back.
#pragma once

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace triune::server::grpc_api {

/// Something that waits for gRPC to finish an operation. What a thread did before it called AsTag has happened for the
/// thread that comes out of FromQueue. The queue sees to that; ThreadSanitizer, which can't look into gRPC, is told so.
class Tag {
 public:
  /// On the thread of the queue: the operation has come about, or (not ok) will not. May destroy the object.
  virtual void Proceed(bool ok) = 0;
  /// What to give to gRPC. A plain `this` would be wrong in a class with several bases.
  void* AsTag() {
#ifdef __SANITIZE_THREAD__
    __tsan_release(this);
#endif
    return this;
  }
  /// What gRPC has given back.
  static Tag& FromQueue(void* tag) {
#ifdef __SANITIZE_THREAD__
    __tsan_acquire(tag);
#endif
    return *static_cast<Tag*>(tag);
  }

 protected:
  ~Tag() = default;
};

}  // namespace triune::server::grpc_api
