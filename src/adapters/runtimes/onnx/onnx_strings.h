// Strings between the wire's packing (4-byte length, bytes) and ONNX Runtime's string tensors.
#pragma once

#include "adapters/runtimes/onnx/onnx_library.h"

namespace triune::onnx {

/// A string tensor with the elements of a BYTES input, which the host has checked.
Result<ValuePtr> MakeStringTensor(const OnnxLibrary& library, const triune_tensor& input);

/// Packs the elements of a string tensor into output number `index` of the response.
Status DeliverStrings(const OnnxLibrary& library, const OrtValue* value, uint32_t index, uint32_t rank,
                      const int64_t* dims, size_t element_count, triune_response* response);

}  // namespace triune::onnx
