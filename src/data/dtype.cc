#include "data/dtype.h"

namespace triune {
namespace {

struct Entry {
  std::string_view name;
  size_t size;
};
constexpr Entry kEntries[kDTypeCount] = {{"BOOL", 1}, {"UINT8", 1}, {"UINT16", 2}, {"UINT32", 4}, {"UINT64", 8},
                                         {"INT8", 1}, {"INT16", 2}, {"INT32", 4},  {"INT64", 8},  {"FP16", 2},
                                         {"FP32", 4}, {"FP64", 8},  {"BYTES", 0},  {"BF16", 2}};

}  // namespace

std::string_view DTypeName(DType dtype) { return kEntries[static_cast<size_t>(dtype)].name; }

std::optional<DType> ParseDType(std::string_view name) {
  for (int i = 0; i < kDTypeCount; ++i) {
    if (kEntries[i].name == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

size_t DTypeSize(DType dtype) { return kEntries[static_cast<size_t>(dtype)].size; }

bool IsFloatingPoint(DType dtype) {
  return dtype == DType::kFp16 || dtype == DType::kFp32 || dtype == DType::kFp64 || dtype == DType::kBf16;
}

}  // namespace triune
