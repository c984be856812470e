// The floor of gRPC: GRPCInferenceService.ModelInfer with one fixed answer, on gRPC's asynchronous API, which is its
// fastest for small messages. The same libraries, linked the same way, as the server's.
#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "open_inference_grpc.grpc.pb.h"

#ifndef NDEBUG
#error "a floor that is not optimised is no floor: build it with CMAKE_BUILD_TYPE=Release"
#endif

namespace {

using inference::GRPCInferenceService;
using inference::ModelInferRequest;
using inference::ModelInferResponse;

// Calls that wait for a request; more than connections that come with requests at the same moment.
constexpr int kWaitingCalls = 64;
constexpr int kMaxMessageBytes = 64 << 20;

/// One call, from waiting for it to its end, when it deletes itself.
class Call {
 public:
  Call(GRPCInferenceService::AsyncService& service, grpc::ServerCompletionQueue& queue)
      : service_(service), queue_(queue) {
    service_.RequestModelInfer(&context_, &request_, &writer_, &queue_, &queue_, this);
  }

  void Proceed(bool ok) {
    if (answered_ || !ok) {
      delete this;
      return;
    }
    new Call(service_, queue_);
    answered_ = true;
    response_.set_model_name("iris");
    auto* output = response_.add_outputs();
    output->set_name("output-0");
    output->set_datatype("INT64");
    output->add_shape(1);
    response_.add_raw_output_contents(std::string(sizeof(int64_t), '\0'));
    writer_.Finish(response_, grpc::Status::OK, this);
  }

 private:
  GRPCInferenceService::AsyncService& service_;
  grpc::ServerCompletionQueue& queue_;
  grpc::ServerContext context_;
  ModelInferRequest request_;
  ModelInferResponse response_;
  grpc::ServerAsyncResponseWriter<ModelInferResponse> writer_{&context_};
  bool answered_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: %s PORT\n", argv[0]), 2;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(std::string("127.0.0.1:") + argv[1], grpc::InsecureServerCredentials(), &port);
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  GRPCInferenceService::AsyncService service;
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::ServerCompletionQueue> queue = builder.AddCompletionQueue();
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server || port == 0) return std::fprintf(stderr, "cannot listen on port %s\n", argv[1]), 1;
  for (int i = 0; i < kWaitingCalls; ++i) new Call(service, *queue);
  void* tag = nullptr;
  bool ok = false;
  while (queue->Next(&tag, &ok)) static_cast<Call*>(tag)->Proceed(ok);
}
