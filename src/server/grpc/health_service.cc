#include "server/grpc/health_service.h"

#include "open_inference_grpc.grpc.pb.h"

namespace triune::server::grpc_api {
namespace {

/// Requests of each kind that can be taken in before the thread looks at the queue again.
constexpr int kWaitingCalls = 2;

}  // namespace

HealthService::ServingStatus HealthService::StatusOf(const std::string& service) const {
  using Response = grpc::health::v1::HealthCheckResponse;
  bool known = service.empty() || service == inference::GRPCInferenceService::service_full_name();
  if (!known) return Response::SERVICE_UNKNOWN;
  return serving_.load(std::memory_order_acquire) ? Response::SERVING : Response::NOT_SERVING;
}

void HealthCalls::Begin() {
  for (int i = 0; i < kWaitingCalls; ++i) {
    checks_.Add(*this).Ask();
    watches_.Add(*this).Ask();
  }
}

void HealthCalls::Update() {
  watches_.ForEach([](Watch& watch) { watch.Update(); });
}

void HealthCalls::Check::Ask() {
  grpc::ServerCompletionQueue* queue = &calls_.checks_.lane().queue();
  calls_.service_.async().RequestCheck(&context_, &request_, &writer_, queue, queue, AsTag());
}

void HealthCalls::Check::Proceed(bool ok) {
  if (finishing_ || !ok) return calls_.checks_.Remove(*this);
  calls_.checks_.Add(calls_).Ask();
  finishing_ = true;
  Response response;
  response.set_status(calls_.service_.StatusOf(request_.service()));
  if (response.status() == Response::SERVICE_UNKNOWN) {
    return writer_.FinishWithError({grpc::StatusCode::NOT_FOUND, "the health of this service is not known"}, AsTag());
  }
  writer_.Finish(response, grpc::Status::OK, AsTag());
}

void HealthCalls::Watch::Ask() {
  context_.AsyncNotifyWhenDone(over_tag_.AsTag());
  grpc::ServerCompletionQueue* queue = &calls_.watches_.lane().queue();
  calls_.service_.async().RequestWatch(&context_, &request_, &writer_, queue, queue, AsTag());
}

void HealthCalls::Watch::Proceed(bool ok) {
  if (state_ == State::kRequested) {
    if (!ok) return calls_.watches_.Remove(*this);
    calls_.watches_.Add(calls_).Ask();
    state_ = State::kIdle;
    // Those that wait for a request are in the list too.
    if (calls_.watches_.size() > kMostWatches + kWaitingCalls) {
      return Finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many clients watch the health of this server"});
    }
    return Continue();
  }
  state_ = State::kIdle;
  if (over_) return calls_.watches_.Remove(*this);
  if (ok) Continue();  // else the call is broken, and the notice of it is on its way
}

void HealthCalls::Watch::Update() {
  if (state_ == State::kIdle) Continue();
}

void HealthCalls::Watch::Over() {
  over_ = true;
  if (state_ == State::kIdle) calls_.watches_.Remove(*this);
}

void HealthCalls::Watch::Continue() {
  if (finished_) return;
  HealthService::ServingStatus status = calls_.service_.StatusOf(request_.service());
  if (status != told_) {
    told_ = status;
    state_ = State::kWriting;
    Response response;
    response.set_status(status);
    writer_.Write(response, AsTag());
  } else if (calls_.watches_.lane().stopping()) {
    Finish({grpc::StatusCode::UNAVAILABLE, "the server is shutting down"});
  }
}

void HealthCalls::Watch::Finish(const grpc::Status& status) {
  finished_ = true;
  state_ = State::kFinishing;
  writer_.Finish(status, AsTag());
}

}  // namespace triune::server::grpc_api
