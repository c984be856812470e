// A request to a model and its answer, free of any wire format.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/reusable_vector.h"
#include "data/tensor.h"
#include "model/parameter.h"
#include "model/signature.h"

namespace triune::model {

/// An output that the client asks for by name.
struct RequestedOutput {
  std::string name;
  bool binary = false;        ///< V2 REST: send it as raw bytes behind the JSON.
  bool binary_given = false;  ///< The request says so for this output, rather than for all.
  int index = -1;             ///< Which output of the signature; set by CheckRequest.

  void Clear() {
    name.clear();
    binary = binary_given = false;
    index = -1;
  }
};

/// Reused from call to call: Clear() keeps the memory. Thread-compatible.
struct InferenceRequest {
  std::string model_name;
  std::string model_namespace;  ///< Empty: find it by the name alone.
  std::string model_version;    ///< Empty: the newest.
  std::string id;               ///< The client's; echoed.
  ReusableVector<Tensor> inputs;
  std::vector<int> input_index;             ///< Per input: which of the signature; set by CheckRequest.
  ReusableVector<RequestedOutput> outputs;  ///< Empty: all.
  bool binary_outputs = false;              ///< V2 REST: send outputs that are not asked for by name as raw bytes.
  ReusableVector<Parameter> parameters;

  /// Over V2 REST: whether output number `index` of the response goes as raw bytes.
  bool WantsBinary(size_t index) const { return outputs.empty() ? binary_outputs : outputs[index].binary; }
  void Clear();
};

/// Reused from call to call: Clear() keeps the memory. Thread-compatible.
struct InferenceResponse {
  std::string model_name;
  std::string model_version;
  std::string id;
  /// In the order asked for, or the signature's. Names are the signature's.
  ReusableVector<Tensor> outputs;
  ReusableVector<Parameter> parameters;

  void Clear();
};

/// Checks names, dtypes, shapes, element counts and missing inputs of the request against the signature, and fills in
/// `input_index` and the outputs' `index`. The error names the tensor, what came and what was expected.
Status CheckRequest(const Signature& signature, InferenceRequest& request);

/// What is wrong when `name` means an input that was given already.
Status GivenTwice(const Signature& signature, std::string_view name);

/// The inputs' part of CheckRequest for one tensor, as codecs need it before they can read the data: the index of the
/// input that `name` means.
Result<int> FindInput(const Signature& signature, std::string_view name);

}  // namespace triune::model
