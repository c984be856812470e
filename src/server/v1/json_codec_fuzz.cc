// libFuzzer: whatever the bytes, DecodeRequest returns; what a model of one input accepts comes back bit for bit after
// it was written and read again. The first byte chooses the model.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "server/v1/json_codec.h"

namespace {

using namespace triune;

void Check(bool is_so) {
  if (!is_so) std::abort();
}

/// One input of any dtype, or two inputs.
model::Signature ModelOf(uint8_t choice) {
  model::Signature signature;
  auto add = [&](const char* name, DType dtype) {
    signature.inputs.push_back({.name = name, .dtype = dtype, .accepted = dtype, .shape = {-1}});
  };
  if (choice % (kDTypeCount + 1) == kDTypeCount) {
    add("a", DType::kFp32);
    add("b", DType::kBytes);
  } else {
    add("x", static_cast<DType>(choice % (kDTypeCount + 1)));
  }
  return signature;
}

/// Decodes out of memory that ends right behind the padding, so that reading beyond it is found.
Status Decode(std::string_view body, const model::Signature& signature, model::InferenceRequest& request,
              server::v1::Format* format) {
  std::vector<std::byte> memory(body.size() + Buffer::kPadding);
  if (!body.empty()) std::memcpy(memory.data(), body.data(), body.size());
  return server::v1::DecodeRequest({memory.data(), body.size()}, signature, request, format);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  model::Signature signature = ModelOf(data[0]);
  model::InferenceRequest request;
  server::v1::Format format{};
  Status status = Decode({reinterpret_cast<const char*>(data) + 1, size - 1}, signature, request, &format);
  if (!status.ok()) {
    Check(!status.message().empty());
    return 0;
  }
  model::InferenceResponse response;
  for (const Tensor& input : request.inputs) {
    if (!CheckData(input).ok()) return 0;  // empty arrays beside others; every tensor is checked before it is used
    response.outputs.Add() = input;
  }
  TextBuffer out;
  Check(server::v1::EncodeResponse(response, format, out).ok());
  if (signature.inputs.size() != 1 || request.inputs.size() != 1) return 0;
  std::string json(out.view());
  constexpr std::string_view kField = "{\"predictions\":";
  Check(json.starts_with(kField));
  json.replace(0, kField.size(), "{\"inputs\":");
  model::InferenceRequest again;
  Check(Decode(json, signature, again, &format).ok());
  Check(format == server::v1::Format::kColumns && again.inputs.size() == 1);
  const Tensor& a = request.inputs[0];
  const Tensor& b = again.inputs[0];
  Check(a.shape == b.shape && a.data.size() == b.data.size());
  Check(a.data.empty() || std::memcmp(a.data.data(), b.data.data(), a.data.size()) == 0);
  return 0;
}
