// grpc.reflection.v1 and v1alpha, on the server's own completion queues: gRPC's plug-in would bring threads of its own.
#pragma once

#include <grpcpp/grpcpp.h>

#include "reflection_v1.grpc.pb.h"
#include "reflection_v1alpha.grpc.pb.h"
#include "server/grpc/call_list.h"
#include "server/grpc/lane.h"
#include "server/grpc/tag.h"

namespace triune::server::grpc_api {

struct ReflectionV1 {
  using Service = grpc::reflection::v1::ServerReflection::AsyncService;
  using Request = grpc::reflection::v1::ServerReflectionRequest;
  using Response = grpc::reflection::v1::ServerReflectionResponse;
};
struct ReflectionV1Alpha {
  using Service = grpc::reflection::v1alpha::ServerReflection::AsyncService;
  using Request = grpc::reflection::v1alpha::ServerReflectionRequest;
  using Response = grpc::reflection::v1alpha::ServerReflectionResponse;
};

/// Reflection streams of one lane, in one version. Used on its thread, or before it runs.
template <typename Version>
class ReflectionCalls {
 public:
  /// Streams of one lane; a client beyond it gets RESOURCE_EXHAUSTED.
  static constexpr size_t kMostStreams = 100;

  ReflectionCalls(Lane& lane, typename Version::Service& service) : service_(service), streams_(lane) {}

  /// Asks for the first request.
  void Begin();
  /// Ends the streams if the lane stops. To be called when the lane is woken.
  void Update();

 private:
  using Request = typename Version::Request;
  using Response = typename Version::Response;

  /// 1. requested --a client opened the stream--> reading
  /// 2. reading --a request came--> writing --sent--> reading
  /// 3. reading or writing --the client or the lane ends the stream--> finishing --sent--> gone
  class Stream final : public Tag {
   public:
    explicit Stream(ReflectionCalls& calls) : calls_(calls), stream_(&context_) {}
    void Ask();
    void Proceed(bool ok) override;
    void Update();

   private:
    enum class State : uint8_t { kRequested, kReading, kWriting, kFinishing };

    void Opened();
    void Read();
    void Write();
    void Finish(const grpc::Status& status);

    ReflectionCalls& calls_;
    grpc::ServerContext context_;
    Request request_;
    grpc::ServerAsyncReaderWriter<Response, Request> stream_;
    State state_ = State::kRequested;
  };

  typename Version::Service& service_;
  CallList<Stream> streams_;
};

extern template class ReflectionCalls<ReflectionV1>;
extern template class ReflectionCalls<ReflectionV1Alpha>;

}  // namespace triune::server::grpc_api
