#include "adapters/runtimes/onnx/onnx_strings.h"

#include <cstring>

#include "base/strings.h"

namespace triune::onnx {

Result<ValuePtr> MakeStringTensor(const OnnxLibrary& library, const triune_tensor& input) {
  const OrtApi& api = library.api;
  OrtValue* raw = nullptr;
  TRIUNE_RETURN_IF_ERROR(
      library.Check(api.CreateTensorAsOrtValue(library.allocator, input.dims, input.rank, ElementType::kString, &raw)));
  ValuePtr value = library.Own<ValuePtr>(raw);
  const char* next = static_cast<const char*>(input.data);
  const char* end = next + input.size;
  for (size_t i = 0; next < end; ++i) {
    uint32_t length;
    std::memcpy(&length, next, sizeof(length));
    next += sizeof(length);
    char* buffer = nullptr;
    // Not FillStringTensorElement: that stops at the first zero byte.
    TRIUNE_RETURN_IF_ERROR(library.Check(api.GetResizedStringTensorElementBuffer(raw, i, length, &buffer)));
    if (length > 0) std::memcpy(buffer, next, length);
    next += length;
  }
  return value;
}

Status DeliverStrings(const OnnxLibrary& library, const OrtValue* value, uint32_t index, uint32_t rank,
                      const int64_t* dims, size_t element_count, triune_response* response) {
  const OrtApi& api = library.api;
  size_t text_size = 0;
  TRIUNE_RETURN_IF_ERROR(library.Check(api.GetStringTensorDataLength(value, &text_size)));
  size_t size = text_size + element_count * sizeof(uint32_t);
  char* out = static_cast<char*>(library.host->output_allocate(response, index, TRIUNE_BYTES, rank, dims, size));
  if (out == nullptr) return ResourceExhausted(StrCat("no memory for an output of ", size, " bytes"));
  for (size_t i = 0; i < element_count; ++i) {
    size_t length = 0;
    TRIUNE_RETURN_IF_ERROR(library.Check(api.GetStringTensorElementLength(value, i, &length)));
    auto prefix = static_cast<uint32_t>(length);
    if (prefix != length) return Internal(StrCat("output string is too long: ", length, " bytes"));
    std::memcpy(out, &prefix, sizeof(prefix));
    out += sizeof(prefix);
    if (length > 0) TRIUNE_RETURN_IF_ERROR(library.Check(api.GetStringTensorElement(value, length, i, out)));
    out += length;
  }
  return {};
}

}  // namespace triune::onnx
