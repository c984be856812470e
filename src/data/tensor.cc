#include "data/tensor.h"

#include <cstring>

namespace triune {

bool BytesReader::Next(std::string_view* element) {
  uint32_t length;
  if (rest_.size() < sizeof(length)) return false;
  std::memcpy(&length, rest_.data(), sizeof(length));
  if (rest_.size() - sizeof(length) < length) return false;
  *element = {reinterpret_cast<const char*>(rest_.data()) + sizeof(length), length};
  rest_ = rest_.subspan(sizeof(length) + length);
  return true;
}

Status CheckData(const Tensor& tensor) {
  auto count = tensor.shape.ElementCount();
  if (!count) {
    return InvalidArgument("shape is negative or too large: got " + tensor.shape.ToString());
  }
  if (tensor.dtype == DType::kBytes) {
    BytesReader reader(tensor.data.bytes());
    int64_t found = 0;
    std::string_view element;
    while (reader.Next(&element)) ++found;
    if (!reader.AtEnd()) {
      return InvalidArgument("BYTES data is cut short: element " + std::to_string(found) +
                             " is longer than what is left of the " + std::to_string(tensor.data.size()) + " bytes");
    }
    if (found != *count) {
      return InvalidArgument("element count differs from shape " + tensor.shape.ToString() + ": got " +
                             std::to_string(found) + ", want " + std::to_string(*count));
    }
    return {};
  }
  size_t want;
  if (__builtin_mul_overflow(static_cast<size_t>(*count), DTypeSize(tensor.dtype), &want)) {
    return InvalidArgument("shape is too large: got " + tensor.shape.ToString());
  }
  if (tensor.data.size() != want) {
    return InvalidArgument("data size differs from shape " + tensor.shape.ToString() + " of " +
                           std::string(DTypeName(tensor.dtype)) + ": got " + std::to_string(tensor.data.size()) +
                           " bytes, want " + std::to_string(want));
  }
  if (tensor.dtype == DType::kBool) {
    for (uint8_t byte : tensor.As<uint8_t>()) {
      if (byte > 1) return InvalidArgument("a BOOL element is neither 0 nor 1: got " + std::to_string(byte));
    }
  }
  return {};
}

}  // namespace triune
