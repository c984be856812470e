// What a model takes and gives.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/dtype.h"
#include "data/shape.h"

namespace triune::model {

struct TensorSpec {
  std::string name;
  DType dtype = DType::kFp32;
  DTypeSet accepted;  ///< Inputs: the dtypes that a request may use. Contains `dtype`.
  Shape shape;        ///< -1: any.
  bool optional = false;
  bool any_name = false;   ///< Inputs: the model knows no name and takes any.
  bool any_shape = false;  ///< Inputs: the model does not say its shape, not even the rank; its runtime checks.
};

struct Signature {
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  std::string platform;  ///< "onnxruntime_onnx"

  /// Nothing named so: -1.
  int FindInput(std::string_view name) const;
  int FindOutput(std::string_view name) const;
};

}  // namespace triune::model
