// Calls of inference.GRPCInferenceService.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/predictor.h"
#include "open_inference_grpc.grpc.pb.h"
#include "server/grpc/infer_codec.h"
#include "server/grpc/lane.h"
#include "server/grpc/tag.h"
#include "server/inference_steps.h"
#include "serving/model_repository.h"

namespace triune::server::grpc_api {

namespace detail {
using Base = inference::GRPCInferenceService;
using S1 = Base::WithRawMethod_ModelInfer<Base::Service>;
using S2 = Base::WithRawMethod_ServerLive<S1>;
using S3 = Base::WithRawMethod_ServerReady<S2>;
using S4 = Base::WithRawMethod_ModelReady<S3>;
using S5 = Base::WithRawMethod_ServerMetadata<S4>;
using S6 = Base::WithRawMethod_ModelMetadata<S5>;
using S7 = Base::WithRawMethod_RepositoryModelLoad<S6>;
using S8 = Base::WithRawMethod_RepositoryModelUnload<S7>;
}  // namespace detail

/// All methods asynchronous, with messages as raw bytes: ModelInfer has a codec of its own.
using Service = detail::S8;

enum class Method : uint8_t {
  kModelInfer,
  kServerLive,
  kServerReady,
  kModelReady,
  kServerMetadata,
  kModelMetadata,
  kRepositoryModelLoad,
  kRepositoryModelUnload,
};
inline constexpr int kMethodCount = 8;

class InferenceCalls;

/// One call: waits for a request, answers it, and starts again.
///   requested --a request came--> handling --Finish--> finishing --sent--> requested
class GrpcCall final : public model::ResponseSink, public Tag {
 public:
  GrpcCall(InferenceCalls& calls, Method method);

  /// Asks for the next request.
  void Request();
  void Proceed(bool ok) override;

  model::InferenceResponse& response() override { return steps_.response; }
  void Send() override {}
  void Finish(Status status) override;

 private:
  enum class State : uint8_t { kRequested, kHandling, kFinishing };

  void Handle();
  void HandleInfer();
  /// Request id and trace context, which go back to the client as well.
  void ReadMetadata();
  Status HandleOther();
  template <typename RequestMessage>
  Result<RequestMessage> Parse();
  template <typename ResponseMessage>
  void Serialize(const ResponseMessage& message);
  Status FindModel(const std::string& name, const std::string& version, std::shared_ptr<serving::ServedModel>* model);
  void Reply(const Status& status);

  InferenceCalls& calls_;
  const Method method_;
  State state_ = State::kRequested;
  // Anew for every call, as gRPC wants it.
  std::optional<grpc::ServerContext> context_;
  std::optional<grpc::ServerAsyncResponseWriter<grpc::ByteBuffer>> writer_;
  grpc::ByteBuffer in_;
  grpc::ByteBuffer out_;

  InferenceSteps steps_;
  std::string request_id_;
  std::string traceparent_;
  Contents contents_ = Contents::kRaw;
};

/// The calls of one lane. Used on its thread, or before it runs; in_flight on any.
class InferenceCalls {
 public:
  InferenceCalls(Lane& lane, Service& service, const serving::ModelRepository& repository,
                 const std::function<bool()>& accepting, const std::string& version, Duration request_timeout)
      : lane_(lane),
        service_(service),
        repository_(repository),
        catalog_(repository),
        accepting_(accepting),
        version_(version),
        request_timeout_(request_timeout) {}

  /// Asks for the first requests.
  void Begin();
  size_t in_flight() const { return in_flight_.load(std::memory_order_acquire); }

 private:
  friend class GrpcCall;
  GrpcCall* TakeCall(Method method);

  Lane& lane_;
  Service& service_;
  const serving::ModelRepository& repository_;
  serving::CatalogReader catalog_;
  const std::function<bool()>& accepting_;
  const std::string version_;
  const Duration request_timeout_;
  std::atomic<size_t> in_flight_{0};
  std::vector<std::unique_ptr<GrpcCall>> calls_;
  std::vector<GrpcCall*> free_[kMethodCount];
};

}  // namespace triune::server::grpc_api
