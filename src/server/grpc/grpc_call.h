// Calls of inference.GRPCInferenceService.
#pragma once

#include <grpcpp/grpcpp.h>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/deadline_heap.h"
#include "base/executor.h"
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
///   requested --a request came--> handling --answered--> answered --sent, over and the model done--> requested
/// All of it on the lane's thread but Finish, which is called on the thread that the model ran on.
class GrpcCall final : public model::ResponseSink, public Tag {
 public:
  GrpcCall(InferenceCalls& calls, Method method);

  /// Asks for the next request.
  void Request();
  void Proceed(bool ok) override;

  model::InferenceResponse& response() override { return steps_.response; }
  void Send() override {}
  void Finish(Status status) override;

  /// The deadline has passed: the client gets its answer, whatever the model does.
  void OnDeadline();
  /// The model is done with a call that was answered without it.
  void OnModelDone();
  /// For DeadlineHeap.
  bool Awaits(uint64_t use) const { return use_ == use && state_ == State::kHandling; }

 private:
  enum class State : uint8_t { kRequested, kHandling, kSent };
  /// Comes back when the call is over for gRPC: its answer was sent, or the client is gone.
  class OverTag final : public Tag {
   public:
    explicit OverTag(GrpcCall& call) : call_(call) {}
    void Proceed(bool /*ok*/) override { call_.OnOver(); }

   private:
    GrpcCall& call_;
  };

  void Handle();
  void StartInfer();
  /// Request id and trace context, which go back to the client as well.
  void ReadMetadata();
  void Infer(bool on_lane);
  /// The answer to a call that no model will answer.
  void Refuse(const Status& status);
  Status HandleOther();
  template <typename RequestMessage>
  Result<RequestMessage> Parse();
  template <typename ResponseMessage>
  void Serialize(const ResponseMessage& message);
  Status FindModel(const std::string& name, const std::string& version, std::shared_ptr<serving::ServedModel>* model);
  /// True for the first who wants to answer.
  bool MayAnswer() { return !answered_.exchange(true, std::memory_order_acq_rel); }
  void Reply(const Status& status);
  void OnOver();
  void RecycleWhenDone();

  InferenceCalls& calls_;
  const Method method_;
  OverTag over_tag_{*this};
  // Of the lane's thread.
  State state_ = State::kRequested;
  uint64_t use_ = 0;
  bool over_ = false;
  bool model_is_late_ = false;  ///< Answered without it.
  bool cancelled_ = false;      ///< The client did not wait.

  std::atomic<bool> answered_{false};
  StatusCode code_ = StatusCode::kOk;  ///< Of the answer.
  // Anew for every call, as gRPC wants it.
  std::optional<grpc::ServerContext> context_;
  std::optional<grpc::ServerAsyncResponseWriter<grpc::ByteBuffer>> writer_;
  grpc::ByteBuffer in_;
  grpc::ByteBuffer out_;

  serving::CatalogReader catalog_;  ///< Not the lane's: large messages are decoded on another thread.
  InferenceSteps steps_;
  std::string request_id_;
  std::string traceparent_;
  Contents contents_ = Contents::kRaw;
};

/// The calls of one lane. Used on its thread, or before it runs; in_flight and ComeBack on any.
class InferenceCalls {
 public:
  /// `executor`: where large messages are decoded.
  InferenceCalls(Lane& lane, Service& service, const serving::ModelRepository& repository, Executor& executor,
                 const std::function<bool()>& accepting, const std::string& version, Duration request_timeout)
      : lane_(lane),
        service_(service),
        repository_(repository),
        executor_(executor),
        accepting_(accepting),
        version_(version),
        request_timeout_(request_timeout) {}

  /// Asks for the first requests.
  void Begin();
  /// Looks after the calls that another thread has news of.
  void Update();
  /// Answers the calls whose deadline has passed; returns the next deadline.
  TimePoint AnswerLate(TimePoint now);
  size_t in_flight() const { return in_flight_.load(std::memory_order_acquire); }
  /// How many calls ended so. Any thread.
  uint64_t ended(StatusCode code) const { return ended_[static_cast<size_t>(code)].load(std::memory_order_relaxed); }

 private:
  friend class GrpcCall;
  GrpcCall* TakeCall(Method method);
  /// What another thread has to tell about a call: its model is done although it was late, or its new deadline.
  struct News {
    GrpcCall* call = nullptr;
    uint64_t use = 0;
    TimePoint deadline = kNever;
  };
  void WatchDeadline(GrpcCall& call, TimePoint deadline, uint64_t use);
  /// To Update, on the lane's thread.
  void ComeBack(const News& news);

  Lane& lane_;
  Service& service_;
  const serving::ModelRepository& repository_;
  Executor& executor_;
  const std::function<bool()>& accepting_;
  const std::string version_;
  const Duration request_timeout_;
  std::atomic<size_t> in_flight_{0};
  std::array<std::atomic<uint64_t>, kStatusCodeCount> ended_{};
  std::vector<std::unique_ptr<GrpcCall>> calls_;
  std::vector<GrpcCall*> free_[kMethodCount];
  DeadlineHeap<GrpcCall> deadlines_;
  std::mutex news_mutex_;
  std::vector<News> news_;
};

}  // namespace triune::server::grpc_api
