#include <cstring>

#include "base/json_text.h"
#include "base/strings.h"
#include "data/half.h"
#include "server/json_tensor.h"

namespace triune::server {
namespace {

template <typename T>
T Load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

void AppendElement(TextBuffer& out, DType dtype, const std::byte* at) {
  switch (dtype) {
    case DType::kBool:
      return out.Append(Load<uint8_t>(at) != 0 ? "true" : "false");
    case DType::kUint8:
      return out.AppendNumber(Load<uint8_t>(at));
    case DType::kUint16:
      return out.AppendNumber(Load<uint16_t>(at));
    case DType::kUint32:
      return out.AppendNumber(Load<uint32_t>(at));
    case DType::kUint64:
      return out.AppendNumber(Load<uint64_t>(at));
    case DType::kInt8:
      return out.AppendNumber(Load<int8_t>(at));
    case DType::kInt16:
      return out.AppendNumber(Load<int16_t>(at));
    case DType::kInt32:
      return out.AppendNumber(Load<int32_t>(at));
    case DType::kInt64:
      return out.AppendNumber(Load<int64_t>(at));
    case DType::kFp16:
      return AppendJsonFloat(out, HalfToFloat(Load<uint16_t>(at)));
    case DType::kFp32:
      return AppendJsonFloat(out, Load<float>(at));
    case DType::kFp64:
      return AppendJsonFloat(out, Load<double>(at));
    case DType::kBf16:
      return AppendJsonFloat(out, Bf16ToFloat(Load<uint16_t>(at)));
    case DType::kBytes:
      return;
  }
}

Status AppendString(TextBuffer& out, std::string_view text) {
  if (!simdjson::validate_utf8(text)) {
    return FailedPrecondition(
        "a BYTES output holds a string that is not UTF-8: ask for it with binary_data, or over gRPC");
  }
  AppendJsonString(out, text);
  return {};
}

template <typename T>
void AppendFloats(TextBuffer& out, const Tensor& tensor) {
  const std::byte* at = tensor.data.data();
  size_t count = tensor.data.size() / sizeof(T);
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) out.Append(',');
    AppendJsonFloat(out, Load<T>(at + i * sizeof(T)));
  }
}

}  // namespace

Status AppendJsonElements(TextBuffer& out, const Tensor& tensor) {
  if (tensor.dtype == DType::kBytes) {
    BytesReader reader(tensor.data.bytes());
    std::string_view text;
    for (bool first = true; reader.Next(&text); first = false) {
      if (!first) out.Append(',');
      TRIUNE_RETURN_IF_ERROR(AppendString(out, text));
    }
    return {};
  }
  if (tensor.dtype == DType::kFp32) {
    AppendFloats<float>(out, tensor);
    return {};
  }
  if (tensor.dtype == DType::kFp64) {
    AppendFloats<double>(out, tensor);
    return {};
  }
  size_t element = DTypeSize(tensor.dtype);
  size_t count = tensor.data.size() / element;
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) out.Append(',');
    AppendElement(out, tensor.dtype, tensor.data.data() + i * element);
  }
  return {};
}

Status JsonNestedWriter::Write(TextBuffer& out, size_t depth) {
  if (depth >= tensor_->shape.rank()) return WriteElement(out);
  out.Append('[');
  for (int64_t i = 0; i < tensor_->shape[depth]; ++i) {
    if (i > 0) out.Append(',');
    TRIUNE_RETURN_IF_ERROR(Write(out, depth + 1));
  }
  out.Append(']');
  return {};
}

Status JsonNestedWriter::WriteElement(TextBuffer& out) {
  if (tensor_->dtype == DType::kBytes) {
    std::string_view text;
    if (!strings_.Next(&text)) return Internal("a BYTES output is shorter than its shape says");
    return AppendString(out, text);
  }
  AppendElement(out, tensor_->dtype, tensor_->data.data() + next_++ * DTypeSize(tensor_->dtype));
  return {};
}

}  // namespace triune::server
