#include "server/grpc/grpc_call.h"

#include <algorithm>
#include <chrono>

#include "base/strings.h"
#include "server/http/middlewares/request_context.h"

namespace triune::server::grpc_api {
namespace {

/// A call that comes back asks for the next one before it is handled, so that few suffice. Each is touched in turn:
/// with 64 of them none would be in the cache any more.
constexpr int kWaitingInferCalls = 4;
constexpr int kWaitingOtherCalls = 2;
/// Decoding as much takes a millisecond or two.
constexpr size_t kOffloadedBytes = 1U << 20U;

std::string_view View(const grpc::string_ref& text) { return {text.data(), text.size()}; }

TimePoint DeadlineOf(const grpc::ServerContext& context) {
  auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return kNever;
  auto left = std::chrono::duration_cast<Duration>(deadline - std::chrono::system_clock::now());
  return DeadlineAfter(Clock::System().Now(), left);
}

grpc::Status ToGrpc(const Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

void FillTensor(const model::TensorSpec& spec, inference::ModelMetadataResponse::TensorMetadata* out) {
  out->set_name(spec.name);
  out->set_datatype(std::string(DTypeName(spec.dtype)));
  for (int64_t dim : spec.shape.dims()) out->add_shape(dim);
}

}  // namespace

void InferenceCalls::Begin() {
  for (int method = 0; method < kMethodCount; ++method) {
    int count = method == static_cast<int>(Method::kModelInfer) ? kWaitingInferCalls : kWaitingOtherCalls;
    for (int i = 0; i < count; ++i) TakeCall(static_cast<Method>(method))->Request();
  }
}

GrpcCall* InferenceCalls::TakeCall(Method method) {
  auto& free = free_[static_cast<size_t>(method)];
  if (free.empty()) {
    calls_.push_back(std::make_unique<GrpcCall>(*this, method));
    return calls_.back().get();
  }
  GrpcCall* call = free.back();
  free.pop_back();
  return call;
}

void InferenceCalls::WatchDeadline(GrpcCall& call, TimePoint deadline, uint64_t use) {
  if (deadline == kNever) return;
  deadlines_.Add(deadline, call, use);
  lane_.WakeAt(deadline);
}

TimePoint InferenceCalls::AnswerLate(TimePoint now) {
  return deadlines_.RunDue(now, [](GrpcCall& call) { call.OnDeadline(); });
}

void InferenceCalls::ComeBack(const News& news) {
  {
    std::lock_guard lock(news_mutex_);
    news_.push_back(news);
  }
  lane_.Wake();
}

void InferenceCalls::Update() {
  std::vector<News> all;
  {
    std::lock_guard lock(news_mutex_);
    all.swap(news_);
  }
  for (const News& news : all) {
    if (news.deadline == kNever) {
      news.call->OnModelDone();
    } else {
      WatchDeadline(*news.call, news.deadline, news.use);
    }
  }
}

GrpcCall::GrpcCall(InferenceCalls& calls, Method method)
    : calls_(calls), method_(method), catalog_(calls.repository_), steps_(catalog_) {}

void GrpcCall::Request() {
  calls_.lane_.Enter();
  state_ = State::kRequested;
  over_ = model_is_late_ = cancelled_ = false;
  answered_.store(false, std::memory_order_relaxed);
  ++use_;
  context_.emplace();
  context_->AsyncNotifyWhenDone(over_tag_.AsTag());
  writer_.emplace(&*context_);
  in_.Clear();
  out_.Clear();
  grpc::ServerCompletionQueue* queue = &calls_.lane_.queue();
  void* tag = AsTag();
  switch (method_) {
    case Method::kModelInfer:
      return calls_.service_.RequestModelInfer(&*context_, &in_, &*writer_, queue, queue, tag);
    case Method::kServerLive:
      return calls_.service_.RequestServerLive(&*context_, &in_, &*writer_, queue, queue, tag);
    case Method::kServerReady:
      return calls_.service_.RequestServerReady(&*context_, &in_, &*writer_, queue, queue, tag);
    case Method::kModelReady:
      return calls_.service_.RequestModelReady(&*context_, &in_, &*writer_, queue, queue, tag);
    case Method::kServerMetadata:
      return calls_.service_.RequestServerMetadata(&*context_, &in_, &*writer_, queue, queue, tag);
    case Method::kModelMetadata:
      return calls_.service_.RequestModelMetadata(&*context_, &in_, &*writer_, queue, queue, tag);
    case Method::kRepositoryModelLoad:
      return calls_.service_.RequestRepositoryModelLoad(&*context_, &in_, &*writer_, queue, queue, tag);
    case Method::kRepositoryModelUnload:
      return calls_.service_.RequestRepositoryModelUnload(&*context_, &in_, &*writer_, queue, queue, tag);
  }
}

void GrpcCall::Proceed(bool ok) {
  if (state_ != State::kRequested) {
    state_ = State::kSent;
    return RecycleWhenDone();
  }
  if (!ok) return calls_.lane_.Leave();  // the server shuts down
  // Another call takes this one's place before it is handled, which may take long.
  calls_.TakeCall(method_)->Request();
  state_ = State::kHandling;
  calls_.in_flight_.fetch_add(1, std::memory_order_acq_rel);
  Handle();
}

void GrpcCall::Handle() {
  if (method_ == Method::kModelInfer) return StartInfer();
  answered_.store(true, std::memory_order_relaxed);
  Reply(HandleOther());
}

void GrpcCall::OnOver() {
  over_ = true;
  cancelled_ = context_->IsCancelled();
  // A call that waits for its turn need not run any more. After the answer this does no harm.
  if (cancelled_) steps_.context.cancelled.store(true, std::memory_order_release);
  RecycleWhenDone();
}

void GrpcCall::OnDeadline() {
  if (!MayAnswer()) return;
  model_is_late_ = true;
  steps_.context.cancelled.store(true, std::memory_order_release);
  code_ = StatusCode::kDeadlineExceeded;
  writer_->FinishWithError({grpc::StatusCode::DEADLINE_EXCEEDED, "the call's deadline passed before it was answered"},
                           AsTag());
}

void GrpcCall::OnModelDone() {
  model_is_late_ = false;
  RecycleWhenDone();
}

void GrpcCall::RecycleWhenDone() {
  if (state_ != State::kSent || !over_ || model_is_late_) return;
  calls_.ended_[static_cast<size_t>(cancelled_ ? StatusCode::kCancelled : code_)].fetch_add(1,
                                                                                            std::memory_order_relaxed);
  calls_.in_flight_.fetch_sub(1, std::memory_order_acq_rel);
  calls_.free_[static_cast<size_t>(method_)].push_back(this);
  calls_.lane_.Leave();
}

void GrpcCall::StartInfer() {
  model::CallContext& context = steps_.context;
  context.Clear();
  context.received = Clock::System().Now();
  context.may_run_inline = true;
  context.deadline = DeadlineOf(*context_);
  if (calls_.request_timeout_.count() > 0) {
    context.deadline = std::min(context.deadline, DeadlineAfter(context.received, calls_.request_timeout_));
  }
  ReadMetadata();
  const TimePoint deadline = context.deadline;
  const bool on_lane = in_.Length() <= kOffloadedBytes;
  if (on_lane) {
    Infer(on_lane);
  } else if (!calls_.executor_.TrySubmit([this] { Infer(/*on_lane=*/false); })) {
    Refuse(ResourceExhausted("too many large requests are waiting to be read"));
  }
  if (answered_.load(std::memory_order_acquire)) return;
  // Once it is on another thread, the context is that one's.
  calls_.WatchDeadline(*this, on_lane ? context.deadline : deadline, use_);
}

void GrpcCall::Infer(bool on_lane) {
  model::CallContext& context = steps_.context;
  const TimePoint deadline = context.deadline;
  const TimePoint start = on_lane ? context.received : Clock::System().Now();
  size_t request_bytes = in_.Length();
  Status decoded = DecodeInferRequest(in_, steps_.request, &contents_);
  in_.Clear();
  context.step_ended = Clock::System().Now();
  // Whose request it is can only be said after decoding. A malformed one counts for the model it names, if it got so
  // far.
  Status entered = steps_.Enter(serving::Protocol::kGrpc, steps_.request.model_name, "", request_bytes);
  if (!entered.ok()) {
    steps_.request.Clear();
    return Refuse(decoded.ok() ? entered : decoded);
  }
  // The model may allow less time.
  if (!on_lane && context.deadline < deadline) calls_.ComeBack({this, use_, context.deadline});
  steps_.Observe(serving::Phase::kPreprocess, context.step_ended - start);
  if (!decoded.ok()) return Finish(std::move(decoded));
  if (Status good = steps_.CheckModel(); !good.ok()) return Finish(std::move(good));
  steps_.Predict(*this);
}

void GrpcCall::ReadMetadata() {
  request_id_.clear();
  traceparent_.clear();
  for (const auto& [key, value] : context_->client_metadata()) {
    if (View(key) == "x-request-id") request_id_.assign(http::UsableRequestId(View(value)));
    if (View(key) == "traceparent" && http::IsTraceparent(View(value))) traceparent_.assign(View(value));
  }
  if (!request_id_.empty()) context_->AddInitialMetadata("x-request-id", request_id_);
  if (!traceparent_.empty()) context_->AddInitialMetadata("traceparent", traceparent_);
  steps_.context.request_id = request_id_;
  steps_.context.traceparent = traceparent_;
}

void GrpcCall::Finish(Status status) {
  const bool in_time = MayAnswer();
  if (!in_time) {
    status = DeadlineExceeded("the client has its answer already");
  } else if (steps_.context.cancelled.load(std::memory_order_acquire)) {
    status = Cancelled("the client does not wait any more");
  }
  size_t response_bytes = 0;
  if (status.ok()) {
    out_ = EncodeInferResponse(steps_.response, contents_);
    response_bytes = out_.Length();
    steps_.Observe(serving::Phase::kPostprocess, Clock::System().Now() - steps_.context.step_ended);
  }
  steps_.Leave(status.code(), response_bytes);
  if (!in_time) return calls_.ComeBack({this, use_});
  Reply(status);
}

void GrpcCall::Refuse(const Status& status) {
  if (!MayAnswer()) return calls_.ComeBack({this, use_});
  Reply(status);
}

void GrpcCall::Reply(const Status& status) {
  // The tag may come back on the lane's thread before this returns: nothing of this object is touched afterwards.
  code_ = status.code();
  if (status.ok()) {
    writer_->Finish(out_, grpc::Status::OK, AsTag());
  } else {
    writer_->FinishWithError(ToGrpc(status), AsTag());
  }
}

template <typename RequestMessage>
Result<RequestMessage> GrpcCall::Parse() {
  RequestMessage message;
  grpc::ProtoBufferReader reader(&in_);
  if (!message.ParseFromZeroCopyStream(&reader)) {
    return InvalidArgument(StrCat("the message is malformed: it is not a ", RequestMessage::descriptor()->name()));
  }
  return message;
}

template <typename ResponseMessage>
void GrpcCall::Serialize(const ResponseMessage& message) {
  std::string text = message.SerializeAsString();
  grpc::Slice slice(text);
  out_ = grpc::ByteBuffer(&slice, 1);
}

Status GrpcCall::FindModel(const std::string& name, const std::string& version,
                           std::shared_ptr<serving::ServedModel>* model) {
  TRIUNE_ASSIGN_OR_RETURN(*model, catalog_.Get().Find(name, ""));
  return (*model)->CheckVersion(version);
}

Status GrpcCall::HandleOther() {
  std::shared_ptr<serving::ServedModel> model;
  switch (method_) {
    case Method::kServerLive: {
      inference::ServerLiveResponse response;
      response.set_live(true);
      Serialize(response);
      return {};
    }
    case Method::kServerReady: {
      inference::ServerReadyResponse response;
      response.set_ready(calls_.accepting_() && calls_.repository_.Ready());
      Serialize(response);
      return {};
    }
    case Method::kModelReady: {
      TRIUNE_ASSIGN_OR_RETURN(auto request, Parse<inference::ModelReadyRequest>());
      TRIUNE_RETURN_IF_ERROR(FindModel(request.name(), request.version(), &model));
      inference::ModelReadyResponse response;
      response.set_ready(model->ready());
      Serialize(response);
      return {};
    }
    case Method::kServerMetadata: {
      inference::ServerMetadataResponse response;
      response.set_name("triune");
      response.set_version(calls_.version_);
      Serialize(response);
      return {};
    }
    case Method::kModelMetadata: {
      TRIUNE_ASSIGN_OR_RETURN(auto request, Parse<inference::ModelMetadataRequest>());
      TRIUNE_RETURN_IF_ERROR(FindModel(request.name(), request.version(), &model));
      if (!model->ready()) return model->NotReady();
      inference::ModelMetadataResponse response;
      response.set_name(model->config().name);
      response.add_versions(model->config().version);
      response.set_platform(model->signature().platform);
      for (const auto& spec : model->signature().inputs) FillTensor(spec, response.add_inputs());
      for (const auto& spec : model->signature().outputs) FillTensor(spec, response.add_outputs());
      Serialize(response);
      return {};
    }
    case Method::kRepositoryModelLoad:
    case Method::kRepositoryModelUnload:
      return Unimplemented("models can't be loaded or unloaded over the API in this version");
    case Method::kModelInfer:
      break;
  }
  return Internal("a method without a handler");
}

}  // namespace triune::server::grpc_api
