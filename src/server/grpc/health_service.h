// grpc.health.v1.Health, on the server's own completion queues: gRPC's built-in service polls with threads of its own.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <optional>
#include <string>

#include "health.grpc.pb.h"
#include "server/grpc/call_list.h"
#include "server/grpc/lane.h"
#include "server/grpc/tag.h"

namespace triune::server::grpc_api {

/// What is answered: one status, of the server ("") and of inference.GRPCInferenceService. Thread-safe.
class HealthService {
 public:
  using ServingStatus = grpc::health::v1::HealthCheckResponse::ServingStatus;

  /// To be followed by Lane::Wake on every lane, which tells the watchers.
  void SetServing(bool serving) { serving_.store(serving, std::memory_order_release); }
  /// SERVING or NOT_SERVING; of other services SERVICE_UNKNOWN.
  ServingStatus StatusOf(const std::string& service) const;
  /// For the ServerBuilder.
  grpc::health::v1::Health::AsyncService& async() { return async_; }

 private:
  grpc::health::v1::Health::AsyncService async_;
  std::atomic<bool> serving_{false};
};

/// Health calls of one lane. Used on its thread, or before it runs.
class HealthCalls {
 public:
  /// Watchers of one lane; a client beyond it gets RESOURCE_EXHAUSTED.
  static constexpr size_t kMostWatches = 1000;

  HealthCalls(Lane& lane, HealthService& service) : service_(service), checks_(lane), watches_(lane) {}

  /// Asks for the first requests.
  void Begin();
  /// Tells the watchers what they don't know yet. To be called when the lane is woken.
  void Update();

 private:
  using Request = grpc::health::v1::HealthCheckRequest;
  using Response = grpc::health::v1::HealthCheckResponse;

  /// requested --a request came--> finishing --sent--> gone
  class Check final : public Tag {
   public:
    explicit Check(HealthCalls& calls) : calls_(calls), writer_(&context_) {}
    void Ask();
    void Proceed(bool ok) override;

   private:
    HealthCalls& calls_;
    grpc::ServerContext context_;
    Request request_;
    grpc::ServerAsyncResponseWriter<Response> writer_;
    bool finishing_ = false;
  };

  /// 1. requested --a request came--> writing: the status at once
  /// 2. writing --sent--> idle, or writing again when the status has changed meanwhile
  /// 3. idle --the status changed--> writing
  /// 4. idle --the lane stops, or there are too many--> finishing --sent--> idle
  /// 5. any --gRPC says that the call is over--> gone, once no operation is under way
  class Watch final : public Tag {
   public:
    explicit Watch(HealthCalls& calls) : calls_(calls), writer_(&context_), over_tag_(*this) {}
    void Ask();
    void Proceed(bool ok) override;
    void Update();

   private:
    enum class State : uint8_t { kRequested, kWriting, kIdle, kFinishing };
    /// Comes back when the call is over, whoever ended it. Only if there was a request.
    class OverTag final : public Tag {
     public:
      explicit OverTag(Watch& watch) : watch_(watch) {}
      void Proceed(bool /*ok*/) override { watch_.Over(); }

     private:
      Watch& watch_;
    };

    void Over();
    /// Of a call with nothing under way: writes or finishes if there is cause.
    void Continue();
    void Finish(const grpc::Status& status);

    HealthCalls& calls_;
    grpc::ServerContext context_;
    Request request_;
    grpc::ServerAsyncWriter<Response> writer_;
    OverTag over_tag_;
    State state_ = State::kRequested;
    bool over_ = false;
    bool finished_ = false;
    std::optional<HealthService::ServingStatus> told_;
  };

  HealthService& service_;
  CallList<Check> checks_;
  CallList<Watch> watches_;
};

}  // namespace triune::server::grpc_api
