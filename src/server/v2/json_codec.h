// The Open Inference Protocol over REST: JSON, and JSON followed by binary tensors.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "model/inference.h"
#include "model/signature.h"
#include "server/http/message.h"
#include "triune/buffer.h"
#include "triune/status.h"

namespace triune::server::v2 {

/// The body of an inference request as it came.
struct RequestBody {
  std::span<const std::byte> bytes;  ///< Followed by Buffer::kPadding readable bytes.
  Buffer owner;                      ///< The buffer that `bytes` lie in, when tensors may share it; else empty.
  /// Of the JSON at the front (Inference-Header-Content-Length); nothing: it is all JSON.
  std::optional<size_t> json_size;
};

/// Fills in everything but the model's name and version. The error names the tensor or field, what came and what was
/// expected. Thread-safe.
Status DecodeRequest(const RequestBody& body, model::InferenceRequest& request);

/// Writes the response as the request asked: each output as JSON or, when it asks for binary, raw behind the JSON.
Status EncodeResponse(const model::InferenceRequest& request, const model::InferenceResponse& response,
                      http::Response& out);

/// The model's metadata.
void EncodeMetadata(const std::string& name, const std::string& version, const model::Signature& signature,
                    TextBuffer& out);

}  // namespace triune::server::v2
