// What a completion queue hands back.
#pragma once

namespace triune::server::grpc_api {

/// Something that waits for gRPC to finish an operation.
class Tag {
 public:
  /// On the thread of the queue: the operation has come about, or (not ok) will not. May destroy the object.
  virtual void Proceed(bool ok) = 0;
  /// What to give to gRPC. A plain `this` would be wrong in a class with several bases.
  void* AsTag() { return this; }

 protected:
  ~Tag() = default;
};

}  // namespace triune::server::grpc_api
