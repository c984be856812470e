#include "server/grpc/reflection_service.h"

#include "health.grpc.pb.h"
#include "open_inference_grpc.grpc.pb.h"
#include "server/grpc/reflection_files.h"

namespace triune::server::grpc_api {
namespace {

template <typename Response>
void AnswerError(const Status& status, Response& response) {
  response.mutable_error_response()->set_error_code(static_cast<int32_t>(status.code()));
  response.mutable_error_response()->set_error_message(std::string(status.message()));
}

template <typename Response>
void AnswerFiles(Result<DescriptorFiles> files, Response& response) {
  if (!files.ok()) return AnswerError(files.status(), response);
  auto* out = response.mutable_file_descriptor_response();
  for (std::string& file : *files) out->add_file_descriptor_proto(std::move(file));
}

template <typename Response>
void AnswerExtensionNumbers(const std::string& type, Response& response) {
  auto numbers = ExtensionNumbersOf(type);
  if (!numbers.ok()) return AnswerError(numbers.status(), response);
  auto* out = response.mutable_all_extension_numbers_response();
  out->set_base_type_name(type);
  for (int32_t number : *numbers) out->add_extension_number(number);
}

template <typename Response>
void AnswerServices(Response& response) {
  auto* out = response.mutable_list_services_response();
  for (const char* name :
       {grpc::health::v1::Health::service_full_name(), grpc::reflection::v1::ServerReflection::service_full_name(),
        grpc::reflection::v1alpha::ServerReflection::service_full_name(),
        inference::GRPCInferenceService::service_full_name()}) {
    out->add_service()->set_name(name);
  }
}

template <typename Request, typename Response>
void Answer(const Request& request, Response& response) {
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  switch (request.message_request_case()) {
    case Request::kFileByFilename:
      return AnswerFiles(FilesByName(request.file_by_filename()), response);
    case Request::kFileContainingSymbol:
      return AnswerFiles(FilesOfSymbol(request.file_containing_symbol()), response);
    case Request::kFileContainingExtension: {
      const auto& extension = request.file_containing_extension();
      return AnswerFiles(FilesOfExtension(extension.containing_type(), extension.extension_number()), response);
    }
    case Request::kAllExtensionNumbersOfType:
      return AnswerExtensionNumbers(request.all_extension_numbers_of_type(), response);
    case Request::kListServices:
      return AnswerServices(response);
    case Request::MESSAGE_REQUEST_NOT_SET:
      break;
  }
  AnswerError(InvalidArgument("the request asks for nothing"), response);
}

}  // namespace

template <typename Version>
void ReflectionCalls<Version>::Begin() {
  streams_.Add(*this).Ask();
}

template <typename Version>
void ReflectionCalls<Version>::Update() {
  if (!streams_.lane().stopping()) return;
  streams_.ForEach([](Stream& stream) { stream.Update(); });
}

template <typename Version>
void ReflectionCalls<Version>::Stream::Ask() {
  grpc::ServerCompletionQueue* queue = &calls_.streams_.lane().queue();
  calls_.service_.RequestServerReflectionInfo(&context_, &stream_, queue, queue, this->AsTag());
}

template <typename Version>
void ReflectionCalls<Version>::Stream::Proceed(bool ok) {
  switch (state_) {
    case State::kRequested:
      return ok ? Opened() : calls_.streams_.Remove(*this);
    case State::kReading:
      return ok ? Write() : Finish(grpc::Status::OK);  // the client has no more requests
    case State::kWriting:
      return ok ? Read() : Finish(grpc::Status::CANCELLED);
    case State::kFinishing:
      return calls_.streams_.Remove(*this);
  }
}

template <typename Version>
void ReflectionCalls<Version>::Stream::Update() {
  // A read can't be taken back, but it fails when the call is cancelled. Reading is where streams wait.
  if (state_ == State::kReading) context_.TryCancel();
}

template <typename Version>
void ReflectionCalls<Version>::Stream::Opened() {
  calls_.streams_.Add(calls_).Ask();
  // The one that waits for a client is in the list too.
  if (calls_.streams_.size() > kMostStreams + 1) {
    return Finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many reflection streams are open"});
  }
  Read();
}

template <typename Version>
void ReflectionCalls<Version>::Stream::Read() {
  if (calls_.streams_.lane().stopping()) return Finish({grpc::StatusCode::UNAVAILABLE, "the server is shutting down"});
  state_ = State::kReading;
  stream_.Read(&request_, this->AsTag());
}

template <typename Version>
void ReflectionCalls<Version>::Stream::Write() {
  state_ = State::kWriting;
  Response response;
  Answer(request_, response);
  stream_.Write(response, this->AsTag());
}

template <typename Version>
void ReflectionCalls<Version>::Stream::Finish(const grpc::Status& status) {
  state_ = State::kFinishing;
  stream_.Finish(status, this->AsTag());
}

template class ReflectionCalls<ReflectionV1>;
template class ReflectionCalls<ReflectionV1Alpha>;

}  // namespace triune::server::grpc_api
