// ModelInferRequest and ModelInferResponse, read and written without protobuf messages in between: tensors are copied
// once on the way in, out of gRPC's slices, and not at all on the way out.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include "model/inference.h"
#include "triune/status.h"

namespace triune::server::grpc_api {

/// How the tensors of a request came, and so how those of the response go.
enum class Contents : uint8_t { kTyped, kRaw };

/// Fills in the request. The error names the tensor or field, what came and what was expected. Thread-safe.
Status DecodeInferRequest(grpc::ByteBuffer& message, model::InferenceRequest& request, Contents* contents);

/// Writes the response; raw when asked for, or when a dtype has no typed field (FP16, BF16). Thread-safe.
grpc::ByteBuffer EncodeInferResponse(const model::InferenceResponse& response, Contents contents);

}  // namespace triune::server::grpc_api
