#include "model/inference.h"

#include <algorithm>

#include "base/strings.h"

namespace triune::model {
namespace {

std::string NamesOf(const std::vector<TensorSpec>& specs) {
  std::string names;
  for (const TensorSpec& spec : specs) {
    if (!names.empty()) names += ", ";
    names += spec.name;
  }
  return names;
}

std::string NamesOf(DTypeSet dtypes) {
  std::string names;
  for (int i = 0; i < kDTypeCount; ++i) {
    if (!dtypes.Has(static_cast<DType>(i))) continue;
    if (!names.empty()) names += " or ";
    names += DTypeName(static_cast<DType>(i));
  }
  return names;
}

Status CheckInput(const TensorSpec& spec, const Tensor& tensor) {
  if (!spec.accepted.Has(tensor.dtype)) {
    return InvalidArgument("input " + Quoted(tensor.name) + ": datatype differs from the model's: got " +
                           std::string(DTypeName(tensor.dtype)) + ", want " + NamesOf(spec.accepted));
  }
  if (!spec.any_shape && !spec.shape.Accepts(tensor.shape)) {
    return InvalidArgument("input " + Quoted(tensor.name) + ": shape differs from the model's: got " +
                           tensor.shape.ToString() + ", want " + spec.shape.ToString());
  }
  Status data = CheckData(tensor);
  return data.ok() ? std::move(data) : data.WithContext("input " + Quoted(tensor.name));
}

}  // namespace

int Signature::FindInput(std::string_view name) const {
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

int Signature::FindOutput(std::string_view name) const {
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

void InferenceRequest::Clear() {
  model_name.clear();
  model_namespace.clear();
  model_version.clear();
  id.clear();
  inputs.Clear();
  input_index.clear();
  outputs.Clear();
  binary_outputs = false;
  parameters.Clear();
}

void InferenceResponse::Clear() {
  model_name.clear();
  model_version.clear();
  id.clear();
  outputs.Clear();
  parameters.Clear();
}

Result<int> FindInput(const Signature& signature, std::string_view name) {
  if (signature.inputs.size() == 1 && signature.inputs[0].any_name) return 0;
  int index = signature.FindInput(name);
  if (index < 0) {
    return InvalidArgument("no input of the model is named so: got " + Quoted(name) +
                           ", want one of: " + NamesOf(signature.inputs));
  }
  return index;
}

Status GivenTwice(const Signature& signature, std::string_view name) {
  if (signature.inputs.size() == 1 && signature.inputs[0].any_name) {
    return InvalidArgument("the model takes one input, under any name: " + Quoted(name) + " is one more");
  }
  return InvalidArgument("input " + Quoted(name) + " is given twice");
}

Status CheckRequest(const Signature& signature, InferenceRequest& request) {
  request.input_index.clear();
  for (const Tensor& tensor : request.inputs) {
    TRIUNE_ASSIGN_OR_RETURN(int index, FindInput(signature, tensor.name));
    if (std::ranges::find(request.input_index, index) != request.input_index.end()) {
      return GivenTwice(signature, tensor.name);
    }
    TRIUNE_RETURN_IF_ERROR(CheckInput(signature.inputs[static_cast<size_t>(index)], tensor));
    request.input_index.push_back(index);
  }
  if (request.inputs.size() != signature.inputs.size()) {
    for (size_t i = 0; i < signature.inputs.size(); ++i) {
      const TensorSpec& spec = signature.inputs[i];
      if (!spec.optional && std::ranges::find(request.input_index, static_cast<int>(i)) == request.input_index.end()) {
        return InvalidArgument("input " + Quoted(spec.name) + " is missing: want " +
                               std::string(DTypeName(spec.dtype)) + " " + spec.shape.ToString());
      }
    }
  }
  for (size_t i = 0; i < request.outputs.size(); ++i) {
    RequestedOutput& output = request.outputs[i];
    output.index = signature.FindOutput(output.name);
    if (output.index < 0) {
      return InvalidArgument("no output of the model is named so: got " + Quoted(output.name) +
                             ", want one of: " + NamesOf(signature.outputs));
    }
    for (size_t j = 0; j < i; ++j) {
      if (request.outputs[j].index == output.index) {
        return InvalidArgument("output " + Quoted(output.name) + " is asked for twice");
      }
    }
  }
  return {};
}

}  // namespace triune::model
