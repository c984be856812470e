// libFuzzer: whatever the bytes, DecodeRequest returns; what it accepts as JSON is consistent, and comes back bit for
// bit after it was written and read again. The first two bytes say how long the JSON at the front is; 0: it is all
// JSON.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "server/v2/json_codec.h"

namespace {

using namespace triune;

void Check(bool is_so) {
  if (!is_so) std::abort();
}

/// Decodes out of memory that ends right behind the padding, so that reading beyond it is found.
Status Decode(std::string_view body, std::optional<size_t> json_size, model::InferenceRequest& request) {
  std::vector<std::byte> memory(body.size() + Buffer::kPadding);
  if (!body.empty()) std::memcpy(memory.data(), body.data(), body.size());
  Buffer owner = Buffer::Adopt(memory.data(), body.size(), nullptr, [](void*) {});
  Status status = server::v2::DecodeRequest({owner.bytes(), json_size ? owner : Buffer(), json_size}, request);
  // The tensors must not outlive the memory here.
  for (Tensor& tensor : request.inputs) tensor.data = Buffer::CopyOf(tensor.data.bytes());
  return status;
}

/// The inputs as the outputs of a response.
std::string Encode(const model::InferenceRequest& request) {
  model::InferenceResponse response;
  response.model_name = "m";
  response.id = request.id;
  for (const Tensor& input : request.inputs) response.outputs.Add() = input;
  for (const model::Parameter& parameter : request.parameters) response.parameters.Add() = parameter;
  server::http::Response out;
  Check(server::v2::EncodeResponse({}, response, out).ok());
  return std::string(out.body.view());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  auto length = static_cast<size_t>(data[0] | data[1] << 8U);
  std::string_view body(reinterpret_cast<const char*>(data) + 2, size - 2);
  model::InferenceRequest request;
  Status status = Decode(body, length == 0 ? std::nullopt : std::optional(length), request);
  if (!status.ok()) {
    Check(!status.message().empty());
    return 0;
  }
  for (const Tensor& tensor : request.inputs) {
    if (length == 0) Check(CheckData(tensor).ok());
  }
  if (length != 0) return 0;
  std::string json = Encode(request);
  // An output looks as an input does. Inside strings quotes are escaped, so this is the field.
  size_t at = json.find(",\"outputs\":[");
  Check(at != std::string::npos);
  json.replace(at, 10, ",\"inputs\"");
  model::InferenceRequest again;
  Check(Decode(json, std::nullopt, again).ok());
  Check(again.id == request.id && again.inputs.size() == request.inputs.size());
  for (size_t i = 0; i < again.inputs.size(); ++i) {
    const Tensor& a = request.inputs[i];
    const Tensor& b = again.inputs[i];
    Check(a.name == b.name && a.dtype == b.dtype && a.shape == b.shape && a.data.size() == b.data.size());
    Check(a.data.empty() || std::memcmp(a.data.data(), b.data.data(), a.data.size()) == 0);
  }
  return 0;
}
