// The V1 protocol: TensorFlow Serving's, as KServe speaks it.
#pragma once

#include <cstddef>
#include <span>

#include "base/text_buffer.h"
#include "model/inference.h"
#include "model/signature.h"
#include "triune/status.h"

namespace triune::server::v1 {

/// How the request gave its tensors, and so how the response gives its own.
enum class Format : uint8_t {
  kRows,     ///< `instances`: one entry per row.
  kColumns,  ///< `inputs`: one entry per tensor.
};

/// Reads {"instances": [...]} or {"inputs": ...} into tensors of the model's own dtypes; the shapes follow from how the
/// arrays nest. With one input, an instance may be a plain value or {"name": value}; with several it must be the
/// latter. `body` is followed by Buffer::kPadding readable bytes. Thread-safe.
Status DecodeRequest(std::span<const std::byte> body, const model::Signature& signature,
                     model::InferenceRequest& request, Format* format);

/// Writes {"predictions": ...}: with one output its rows (or, for kColumns, the tensor); with several, per row (or
/// once) an object by name.
Status EncodeResponse(const model::InferenceResponse& response, Format format, TextBuffer& out);

}  // namespace triune::server::v1
