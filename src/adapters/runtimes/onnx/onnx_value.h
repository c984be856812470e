// Reading the values that ONNX Runtime makes.
#pragma once

#include <array>

#include "adapters/runtimes/onnx/onnx_library.h"

namespace triune::onnx {

struct ValueShape {
  triune_dtype dtype = TRIUNE_FP32;
  uint32_t rank = 0;
  std::array<int64_t, TRIUNE_MAX_RANK> dims;
  size_t element_count = 0;
  size_t size = 0;  ///< Bytes; 0 for strings.
};

/// Of a tensor.
Status ReadShape(const OnnxLibrary& library, const OrtValue* value, ValueShape* shape);

}  // namespace triune::onnx
