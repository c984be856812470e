// libFuzzer: whatever the bytes and however they are cut into slices, DecodeInferRequest returns; what it accepts means
// what protobuf's own parser reads; and what it read can be written. The first byte says how long the slices are.
#include <google/protobuf/stubs/logging.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "open_inference_grpc.pb.h"
#include "server/grpc/infer_codec.h"

namespace {

using namespace triune;
using inference::ModelInferRequest;
using server::grpc_api::Contents;

void Check(bool is_so) {
  if (!is_so) std::abort();
}

Status Decode(std::string_view message, size_t slice_bytes, model::InferenceRequest& request, Contents* contents) {
  std::vector<grpc::Slice> slices;
  while (!message.empty()) {
    std::string_view next = message.substr(0, slice_bytes);
    slices.emplace_back(next.data(), next.size());
    message.remove_prefix(next.size());
  }
  grpc::ByteBuffer bytes(slices.data(), slices.size());
  return server::grpc_api::DecodeInferRequest(bytes, request, contents);
}

template <typename T, typename Elements>
void CheckElements(const Tensor& tensor, const Elements& elements) {
  auto found = tensor.As<T>();
  Check(found.size() == static_cast<size_t>(elements.size()));
  for (int i = 0; i < elements.size(); ++i) {
    T want = static_cast<T>(elements[i]);
    Check(std::memcmp(&found[static_cast<size_t>(i)], &want, sizeof(T)) == 0);
  }
}

void CheckContents(const Tensor& tensor, const inference::InferTensorContents& contents) {
  switch (tensor.dtype) {
    case DType::kBool:
      return CheckElements<uint8_t>(tensor, contents.bool_contents());
    case DType::kInt8:
      return CheckElements<int8_t>(tensor, contents.int_contents());
    case DType::kInt16:
      return CheckElements<int16_t>(tensor, contents.int_contents());
    case DType::kInt32:
      return CheckElements<int32_t>(tensor, contents.int_contents());
    case DType::kInt64:
      return CheckElements<int64_t>(tensor, contents.int64_contents());
    case DType::kUint8:
      return CheckElements<uint8_t>(tensor, contents.uint_contents());
    case DType::kUint16:
      return CheckElements<uint16_t>(tensor, contents.uint_contents());
    case DType::kUint32:
      return CheckElements<uint32_t>(tensor, contents.uint_contents());
    case DType::kUint64:
      return CheckElements<uint64_t>(tensor, contents.uint64_contents());
    case DType::kFp32:
      return CheckElements<float>(tensor, contents.fp32_contents());
    case DType::kFp64:
      return CheckElements<double>(tensor, contents.fp64_contents());
    case DType::kBytes: {
      BytesReader reader(tensor.data.bytes());
      std::string_view element;
      for (const std::string& want : contents.bytes_contents()) Check(reader.Next(&element) && element == want);
      return Check(reader.AtEnd());
    }
    case DType::kFp16:
    case DType::kBf16:
      return Check(tensor.data.empty());
  }
}

void CheckSame(const model::InferenceRequest& request, Contents contents, const ModelInferRequest& reference) {
  Check(request.model_name == reference.model_name() && request.model_version == reference.model_version());
  Check(request.id == reference.id());
  Check(request.inputs.size() == static_cast<size_t>(reference.inputs_size()));
  Check(request.outputs.size() == static_cast<size_t>(reference.outputs_size()));
  Check((contents == Contents::kRaw) == (reference.raw_input_contents_size() > 0));
  for (int i = 0; i < reference.inputs_size(); ++i) {
    const Tensor& tensor = request.inputs[static_cast<size_t>(i)];
    const auto& input = reference.inputs(i);
    Check(tensor.name == input.name() && DTypeName(tensor.dtype) == input.datatype());
    Check(tensor.shape.rank() == static_cast<size_t>(input.shape_size()));
    for (int d = 0; d < input.shape_size(); ++d) Check(tensor.shape[static_cast<size_t>(d)] == input.shape(d));
    if (contents == Contents::kRaw) {
      std::string_view raw(reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size());
      Check(raw == reference.raw_input_contents(i));
    } else {
      CheckContents(tensor, input.contents());
    }
  }
  for (int i = 0; i < reference.outputs_size(); ++i) {
    Check(request.outputs[static_cast<size_t>(i)].name == reference.outputs(i).name());
  }
}

void CheckEncoding(const model::InferenceRequest& request, Contents contents) {
  model::InferenceResponse response;
  response.model_name = request.model_name;
  response.id = request.id;
  for (const Tensor& input : request.inputs) {
    if (CheckData(input).ok()) response.outputs.Add() = input;
  }
  for (const model::Parameter& parameter : request.parameters) response.parameters.Add() = parameter;
  grpc::ByteBuffer bytes = server::grpc_api::EncodeInferResponse(response, contents);
  std::vector<grpc::Slice> slices;
  Check(bytes.Dump(&slices).ok());
  std::string text;
  for (const grpc::Slice& slice : slices) text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  inference::ModelInferResponse message;
  Check(message.ParseFromString(text));
  Check(message.outputs_size() == static_cast<int>(response.outputs.size()) && message.id() == request.id);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  [[maybe_unused]] static auto* no_messages_about_utf8 = google::protobuf::SetLogHandler(nullptr);
  if (size < 1) return 0;
  std::string_view message(reinterpret_cast<const char*>(data) + 1, size - 1);
  model::InferenceRequest whole, cut;
  Contents whole_contents{}, cut_contents{};
  Status status = Decode(message, SIZE_MAX, whole, &whole_contents);
  Status cut_status = Decode(message, 1U + data[0], cut, &cut_contents);
  Check(status.code() == cut_status.code() && status.message() == cut_status.message());
  if (!status.ok()) {
    Check(!status.message().empty());
    return 0;
  }
  ModelInferRequest reference;
  Check(reference.ParseFromArray(message.data(), static_cast<int>(message.size())));
  CheckSame(whole, whole_contents, reference);
  CheckSame(cut, cut_contents, reference);
  CheckEncoding(whole, Contents::kTyped);
  CheckEncoding(whole, Contents::kRaw);
  return 0;
}
