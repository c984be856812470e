#include "server/grpc/grpc_server.h"

#include <absl/synchronization/mutex.h>
#include <grpcpp/grpcpp.h>

#include <thread>
#include <vector>

#include "base/strings.h"
#include "open_inference_grpc.grpc.pb.h"
#include "server/grpc/grpc_call.h"

namespace triune::server::grpc_api {
namespace {

std::string Endpoint(const std::string& address, int port) {
  bool is_v6 = address.find(':') != std::string::npos;
  return is_v6 ? StrCat("[", address, "]:", port) : StrCat(address, ":", port);
}

}  // namespace

class GrpcServer::Impl {
 public:
  Impl(Options options, const serving::ModelRepository& repository, std::function<bool()> accepting)
      : options_(std::move(options)), repository_(repository), accepting_(std::move(accepting)) {}

  Status Start() {
    // Debian builds Abseil with its search for deadlocks on, which gRPC would pay for at every lock.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    grpc::ServerBuilder builder;
    builder.AddListeningPort(Endpoint(options_.address, options_.port), grpc::InsecureServerCredentials(), &port_);
    builder.SetMaxReceiveMessageSize(static_cast<int>(std::min<size_t>(options_.message_bytes, INT32_MAX)));
    builder.SetMaxSendMessageSize(-1);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.RegisterService(&service_);
    for (int i = 0; i < options_.threads; ++i) queues_.push_back(builder.AddCompletionQueue());
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port_ == 0) {
      return Unavailable(StrCat("cannot listen on ", Endpoint(options_.address, options_.port),
                                " for gRPC: the port is taken or the address is not this machine's"));
    }
    for (auto& queue : queues_) {
      auto lane = std::make_unique<CallLane>(service_, *queue, repository_, accepting_, options_.version, options_.request_timeout);
      lane->Begin();
      threads_.emplace_back([&lane = *lane] { lane.Run(); });
      lanes_.push_back(std::move(lane));
    }
    return {};
  }

  void SetServing(bool serving) {
    (void)serving;
  }

  size_t InFlight() const {
    size_t sum = 0;
    for (const auto& lane : lanes_) sum += lane->in_flight();
    return sum;
  }

  void Stop(Duration timeout) {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::duration_cast<std::chrono::system_clock::duration>(timeout));
    // A call that runs in a model still has its answer to put into the queue.
    while (InFlight() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    for (auto& queue : queues_) queue->Shutdown();
    threads_.clear();  // joins; each drains its queue first
    lanes_.clear();
    server_.reset();
  }

  int port() const { return port_; }

 private:
  const Options options_;
  const serving::ModelRepository& repository_;
  const std::function<bool()> accepting_;
  Service service_;
  int port_ = 0;
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::unique_ptr<CallLane>> lanes_;
  std::vector<std::jthread> threads_;
};

GrpcServer::GrpcServer(Options options, const serving::ModelRepository& repository, std::function<bool()> accepting)
    : impl_(std::make_unique<Impl>(std::move(options), repository, std::move(accepting))) {}
GrpcServer::~GrpcServer() { impl_->Stop(Duration(0)); }
Status GrpcServer::Start() { return impl_->Start(); }
int GrpcServer::port() const { return impl_->port(); }
void GrpcServer::SetServing(bool serving) { impl_->SetServing(serving); }
size_t GrpcServer::InFlight() const { return impl_->InFlight(); }
void GrpcServer::Stop(Duration timeout) { impl_->Stop(timeout); }

}  // namespace triune::server::grpc_api
