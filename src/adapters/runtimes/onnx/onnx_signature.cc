#include "adapters/runtimes/onnx/onnx_signature.h"

#include "base/strings.h"

namespace triune::onnx {
namespace {

const char* KindName(ValueKind kind) {
  switch (kind) {
    case ValueKind::kTensor:
      return "tensor";
    case ValueKind::kSequence:
      return "sequence";
    case ValueKind::kMap:
      return "map";
    case ValueKind::kSparseTensor:
      return "sparse tensor";
    case ValueKind::kOptional:
      return "optional";
    default:
      return "value of an unknown kind";
  }
}

constexpr const char* kZipMapRemedy =
    "; for a model converted by skl2onnx, convert it again with options={'zipmap': False}";

Result<ValueKind> KindOf(const OnnxLibrary& library, const OrtTypeInfo* type) {
  ValueKind kind = ValueKind::kUnknown;
  TRIUNE_RETURN_IF_ERROR(library.Check(library.api.GetOnnxTypeFromTypeInfo(type, &kind)));
  return kind;
}

/// Fills in dtype and shape of a tensor.
Status Describe(const OnnxLibrary& library, const OrtTypeInfo* type, std::vector<int64_t>& dims,
                triune_tensor_spec& spec) {
  const OrtApi& api = library.api;
  const OrtTensorTypeAndShapeInfo* info = nullptr;  // belongs to `type`
  TRIUNE_RETURN_IF_ERROR(library.Check(api.CastTypeInfoToTensorInfo(type, &info)));
  ElementType element = ElementType::kUndefined;
  TRIUNE_RETURN_IF_ERROR(library.Check(api.GetTensorElementType(info, &element)));
  int dtype = FromElementType(element);
  if (dtype < 0) {
    return Unimplemented(StrCat("element type is not one of the Open Inference Protocol: ", ElementTypeName(element)));
  }
  size_t rank = 0;
  TRIUNE_RETURN_IF_ERROR(library.Check(api.GetDimensionsCount(info, &rank)));
  if (rank > TRIUNE_MAX_RANK) return Unimplemented(StrCat("too many dimensions: got ", rank, ", want at most 16"));
  dims.resize(rank);
  TRIUNE_RETURN_IF_ERROR(library.Check(api.GetDimensions(info, dims.data(), rank)));
  for (int64_t& dim : dims) {
    if (dim < 0) dim = -1;
  }
  spec.dtype = static_cast<triune_dtype>(dtype);
  spec.rank = static_cast<uint32_t>(rank);
  spec.dims = dims.data();
  // ONNX Runtime's answer for a scalar and for a shape that the model leaves out is the same: no dimensions. It checks
  // the ranks of scalars itself.
  spec.any_shape = rank == 0 ? 1 : 0;
  return {};
}

}  // namespace

const char* OnnxSignature::Keep(const OnnxLibrary& library, char* name) {
  names_.emplace_back(name);
  // Freeing with the allocator that the name came from cannot fail.
  static_cast<void>(library.Check(library.api.AllocatorFree(library.allocator, name)));
  return names_.back().c_str();
}

Status OnnxSignature::ReadInputs(const OnnxLibrary& library, const OrtSession* session) {
  const OrtApi& api = library.api;
  size_t required = 0;
  size_t optional = 0;
  TRIUNE_RETURN_IF_ERROR(library.Check(api.SessionGetInputCount(session, &required)));
  TRIUNE_RETURN_IF_ERROR(library.Check(api.SessionGetOverridableInitializerCount(session, &optional)));
  for (size_t i = 0; i < required + optional; ++i) {
    bool is_optional = i >= required;
    char* name = nullptr;
    OrtTypeInfo* type = nullptr;
    if (is_optional) {
      TRIUNE_RETURN_IF_ERROR(
          library.Check(api.SessionGetOverridableInitializerName(session, i - required, library.allocator, &name)));
    } else {
      TRIUNE_RETURN_IF_ERROR(library.Check(api.SessionGetInputName(session, i, library.allocator, &name)));
    }
    triune_tensor_spec spec{};
    spec.name = Keep(library, name);
    spec.optional = is_optional ? 1 : 0;
    TRIUNE_RETURN_IF_ERROR(
        library.Check(is_optional ? api.SessionGetOverridableInitializerTypeInfo(session, i - required, &type)
                                  : api.SessionGetInputTypeInfo(session, i, &type)));
    TypeInfoPtr owned = library.Own<TypeInfoPtr>(type);
    TRIUNE_ASSIGN_OR_RETURN(ValueKind kind, KindOf(library, type));
    if (kind != ValueKind::kTensor) {
      return Unimplemented(StrCat("input '", spec.name, "' is no tensor: got a ", KindName(kind)));
    }
    TRIUNE_RETURN_IF_ERROR(
        Describe(library, type, dims_.emplace_back(), spec).WithContext(StrCat("input '", spec.name, "'")));
    inputs_.push_back(spec);
  }
  return {};
}

Status OnnxSignature::ReadOutputs(const OnnxLibrary& library, const OrtSession* session, const char* model_name) {
  const OrtApi& api = library.api;
  size_t count = 0;
  TRIUNE_RETURN_IF_ERROR(library.Check(api.SessionGetOutputCount(session, &count)));
  std::string left_out;
  for (size_t i = 0; i < count; ++i) {
    char* name = nullptr;
    TRIUNE_RETURN_IF_ERROR(library.Check(api.SessionGetOutputName(session, i, library.allocator, &name)));
    triune_tensor_spec spec{};
    spec.name = Keep(library, name);
    OrtTypeInfo* type = nullptr;
    TRIUNE_RETURN_IF_ERROR(library.Check(api.SessionGetOutputTypeInfo(session, i, &type)));
    TypeInfoPtr owned = library.Own<TypeInfoPtr>(type);
    TRIUNE_ASSIGN_OR_RETURN(ValueKind kind, KindOf(library, type));
    if (kind != ValueKind::kTensor) {
      left_out += StrCat(left_out.empty() ? "" : ", ", "'", spec.name, "' (", KindName(kind), ")");
      continue;
    }
    TRIUNE_RETURN_IF_ERROR(
        Describe(library, type, dims_.emplace_back(), spec).WithContext(StrCat("output '", spec.name, "'")));
    outputs_.push_back(spec);
  }
  if (outputs_.empty()) {
    return Unimplemented(StrCat("no output of the model is a tensor: got ", left_out, kZipMapRemedy));
  }
  if (!left_out.empty()) {
    library.host->log(
        2,
        StrCat("model ", model_name, ": outputs that are no tensors are left out: ", left_out, kZipMapRemedy).c_str());
  }
  return {};
}

Status OnnxSignature::Read(const OnnxLibrary& library, const OrtSession* session, const char* model_name) {
  TRIUNE_RETURN_IF_ERROR(ReadInputs(library, session));
  TRIUNE_RETURN_IF_ERROR(ReadOutputs(library, session, model_name));
  signature_.inputs = inputs_.data();
  signature_.input_count = static_cast<uint32_t>(inputs_.size());
  signature_.outputs = outputs_.data();
  signature_.output_count = static_cast<uint32_t>(outputs_.size());
  signature_.platform = "onnxruntime_onnx";
  return {};
}

}  // namespace triune::onnx
