#include "server/grpc/grpc_server.h"

#include <absl/synchronization/mutex.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/strings.h"
#include "open_inference_grpc.grpc.pb.h"
#include "server/grpc/grpc_call.h"
#include "server/grpc/health_service.h"
#include "server/grpc/lane.h"
#include "server/grpc/library_log.h"
#include "server/grpc/reflection_service.h"

namespace triune::server::grpc_api {
namespace {

/// More would be no faster; a client opens another connection.
constexpr int kStreamsPerConnection = 1024;

std::string Endpoint(const std::string& address, int port) {
  bool is_v6 = address.find(':') != std::string::npos;
  return is_v6 ? StrCat("[", address, "]:", port) : StrCat(address, ":", port);
}

}  // namespace

class GrpcServer::Impl {
 public:
  Impl(Options options, const serving::ModelRepository& repository, Executor& executor, std::function<bool()> accepting)
      : options_(std::move(options)), repository_(repository), executor_(executor), accepting_(std::move(accepting)) {}

  Status Start() {
    // Debian builds Abseil with its search for deadlocks on, which gRPC would pay for at every lock.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    TakeOverLibraryLogs();
    grpc::ServerBuilder builder;
    builder.AddListeningPort(Endpoint(options_.address, options_.port), grpc::InsecureServerCredentials(), &port_);
    SetLimits(builder);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    // Statistics per call that nobody reads here; /metrics has ours.
    builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
    builder.RegisterService(&service_);
    builder.RegisterService(&health_.async());
    builder.RegisterService(&reflection_v1_);
    builder.RegisterService(&reflection_v1alpha_);
    for (int i = 0; i < options_.threads; ++i) queues_.push_back(builder.AddCompletionQueue());
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port_ == 0) {
      return Unavailable(StrCat("cannot listen on ", Endpoint(options_.address, options_.port),
                                " for gRPC: the port is taken or the address is not this machine's"));
    }
    for (auto& queue : queues_) workers_.push_back(std::make_unique<Worker>(*this, *queue));
    for (auto& worker : workers_) worker->Start();
    return {};
  }

  void SetServing(bool serving) {
    health_.SetServing(serving);
    for (auto& worker : workers_) worker->lane.Wake();
  }

  size_t InFlight() const {
    size_t sum = 0;
    for (const auto& worker : workers_) sum += worker->inference.in_flight();
    return sum;
  }

  void Collect(std::vector<telemetry::Family>& families) const {
    telemetry::Family calls{
        "triune_grpc_calls_total", "Calls of the inference service by status.", telemetry::MetricType::kCounter, {}};
    for (int code = 0; code < kStatusCodeCount; ++code) {
      uint64_t count = 0;
      for (const auto& worker : workers_) count += worker->inference.ended(static_cast<StatusCode>(code));
      if (count == 0) continue;
      std::string name(StatusCodeName(static_cast<StatusCode>(code)));
      calls.samples.push_back({.labels = {{"code", std::move(name)}}, .value = static_cast<double>(count)});
    }
    families.push_back(std::move(calls));
  }

  void Stop(Duration timeout) {
    if (server_ == nullptr || stopped_.exchange(true)) return;
    // Streams would stay open for ever: they are told and ended before the server waits for its calls.
    health_.SetServing(false);
    for (auto& worker : workers_) worker->lane.Stop();
    server_->Shutdown(std::chrono::system_clock::now() +
                      std::chrono::duration_cast<std::chrono::system_clock::duration>(timeout));
    // A call that runs in a model still has its answer to put into the queue.
    for (auto& worker : workers_) worker->lane.WaitUntilDrained();
    for (auto& queue : queues_) queue->Shutdown();
    for (auto& worker : workers_) worker->thread.join();
  }

  int port() const { return port_; }

 private:
  void SetLimits(grpc::ServerBuilder& builder) const {
    auto to_int = [](size_t value) { return static_cast<int>(std::min<size_t>(value, INT32_MAX)); };
    auto to_ms = [&](Duration time) {
      return to_int(static_cast<size_t>(std::chrono::ceil<std::chrono::milliseconds>(time).count()));
    };
    builder.SetMaxReceiveMessageSize(to_int(options_.message_bytes));
    builder.SetMaxSendMessageSize(-1);
    builder.SetResourceQuota(grpc::ResourceQuota("triune").Resize(options_.buffered_bytes));
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, to_int(options_.metadata_bytes));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsPerConnection);
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, to_ms(options_.read_timeout));
    // Clients that vanished are found out by a ping, and idle ones may stay: GRPC_ARG_MAX_CONNECTION_IDLE_MS would put
    // a filter into every call, which costs a twentieth of its time.
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, to_ms(options_.idle_timeout));
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, to_ms(options_.read_timeout));
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  }

  /// A thread with its queue and the calls on it.
  struct Worker {
    Worker(Impl& server, grpc::ServerCompletionQueue& queue)
        : lane(
              queue, [this] { Update(); }, [this](TimePoint now) { return inference.AnswerLate(now); }),
          inference(lane, server.service_, server.repository_, server.executor_, server.accepting_,
                    server.options_.version, server.options_.request_timeout),
          health(lane, server.health_),
          reflection_v1(lane, server.reflection_v1_),
          reflection_v1alpha(lane, server.reflection_v1alpha_) {}

    void Start() {
      inference.Begin();
      health.Begin();
      reflection_v1.Begin();
      reflection_v1alpha.Begin();
      thread = std::jthread([this] { lane.Run(); });
    }
    void Update() {
      inference.Update();
      health.Update();
      reflection_v1.Update();
      reflection_v1alpha.Update();
    }

    Lane lane;
    InferenceCalls inference;
    HealthCalls health;
    ReflectionCalls<ReflectionV1> reflection_v1;
    ReflectionCalls<ReflectionV1Alpha> reflection_v1alpha;
    std::jthread thread;
  };

  const Options options_;
  const serving::ModelRepository& repository_;
  Executor& executor_;
  const std::function<bool()> accepting_;
  Service service_;
  HealthService health_;
  ReflectionV1::Service reflection_v1_;
  ReflectionV1Alpha::Service reflection_v1alpha_;
  int port_ = 0;
  // Calls go before the server, and the server before its queues. All stay until then, so that Stop needs no lock
  // against the other methods.
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::atomic<bool> stopped_{false};
};

GrpcServer::GrpcServer(Options options, const serving::ModelRepository& repository, Executor& executor,
                       std::function<bool()> accepting)
    : impl_(std::make_unique<Impl>(std::move(options), repository, executor, std::move(accepting))) {}
GrpcServer::~GrpcServer() { impl_->Stop(Duration(0)); }
Status GrpcServer::Start() { return impl_->Start(); }
int GrpcServer::port() const { return impl_->port(); }
void GrpcServer::SetServing(bool serving) { impl_->SetServing(serving); }
void GrpcServer::Collect(std::vector<telemetry::Family>& families) const { impl_->Collect(families); }
size_t GrpcServer::InFlight() const { return impl_->InFlight(); }
void GrpcServer::Stop(Duration timeout) { impl_->Stop(timeout); }

}  // namespace triune::server::grpc_api
