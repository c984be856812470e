#include "adapters/runtimes/onnx/onnx_value.h"

#include "base/strings.h"

namespace triune::onnx {

Status ReadShape(const OnnxLibrary& library, const OrtValue* value, ValueShape* shape) {
  const OrtApi& api = library.api;
  OrtTensorTypeAndShapeInfo* info = nullptr;
  TRIUNE_RETURN_IF_ERROR(library.Check(api.GetTensorTypeAndShape(value, &info)));
  ShapeInfoPtr owned = library.Own<ShapeInfoPtr>(info);
  ElementType element = ElementType::kUndefined;
  TRIUNE_RETURN_IF_ERROR(library.Check(api.GetTensorElementType(info, &element)));
  int dtype = FromElementType(element);
  size_t rank = 0;
  TRIUNE_RETURN_IF_ERROR(library.Check(api.GetDimensionsCount(info, &rank)));
  if (dtype < 0 || rank > TRIUNE_MAX_RANK) {
    return Unimplemented(StrCat("an output has ", rank, " dimensions and element type ", static_cast<int>(element)));
  }
  TRIUNE_RETURN_IF_ERROR(library.Check(api.GetDimensions(info, shape->dims.data(), rank)));
  shape->dtype = static_cast<triune_dtype>(dtype);
  shape->rank = static_cast<uint32_t>(rank);
  shape->element_count = 1;
  for (size_t i = 0; i < rank; ++i) shape->element_count *= static_cast<size_t>(shape->dims[i]);
  shape->size = shape->element_count * ElementSize(shape->dtype);
  return {};
}

}  // namespace triune::onnx
