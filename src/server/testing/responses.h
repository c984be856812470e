// Responses for the tests of the codecs.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/inference.h"
#include "triune/buffer.h"

namespace triune::server::testing {

template <typename T>
void AddOutput(model::InferenceResponse& response, std::string name, DType dtype, const Shape& shape,
               const std::vector<T>& values) {
  Tensor& tensor = response.outputs.Add();
  tensor.name = std::move(name);
  tensor.dtype = dtype;
  tensor.shape = shape;
  tensor.data = Buffer::CopyOf(std::as_bytes(std::span(values)));
}

}  // namespace triune::server::testing
