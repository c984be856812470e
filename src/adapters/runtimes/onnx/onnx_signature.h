// The inputs and outputs of an ONNX model.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "adapters/runtimes/onnx/onnx_library.h"

namespace triune::onnx {

/// Owns what the C structs point to. Immutable once read.
class OnnxSignature {
 public:
  OnnxSignature() = default;
  OnnxSignature(const OnnxSignature&) = delete;
  OnnxSignature& operator=(const OnnxSignature&) = delete;

  /// Initializers that the model also lists as inputs become optional inputs. Outputs that are no tensors (the maps of
  /// scikit-learn classifiers) are left out with a warning; inputs that are no tensors, element types that the protocol
  /// does not have, and a model with no tensor output at all are errors.
  Status Read(const OnnxLibrary& library, const OrtSession* session, const char* model_name);

  const triune_signature& get() const { return signature_; }
  /// Names for ONNX Runtime, by the numbers of the signature.
  const char* input_name(uint32_t index) const { return inputs_[index].name; }
  const char* output_name(uint32_t index) const { return outputs_[index].name; }

 private:
  Status ReadInputs(const OnnxLibrary& library, const OrtSession* session);
  Status ReadOutputs(const OnnxLibrary& library, const OrtSession* session, const char* model_name);
  const char* Keep(const OnnxLibrary& library, char* name);

  std::deque<std::string> names_;
  std::deque<std::vector<int64_t>> dims_;
  std::vector<triune_tensor_spec> inputs_;
  std::vector<triune_tensor_spec> outputs_;
  triune_signature signature_{};
};

}  // namespace triune::onnx
