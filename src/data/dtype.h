// Element types of tensors, with the names of the Open Inference Protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace triune {

enum class DType : uint8_t {
  kBool,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kFp16,
  kFp32,
  kFp64,
  kBytes,  ///< Strings: each element is a 4-byte little-endian length and that many bytes.
  kBf16,   ///< Triton's extension of the protocol.
};
inline constexpr int kDTypeCount = 14;

/// "FP32", "BYTES", ...
std::string_view DTypeName(DType dtype);
/// Nothing for a name that the protocol does not have.
std::optional<DType> ParseDType(std::string_view name);
/// Bytes of one element; 0 for kBytes, whose elements vary.
size_t DTypeSize(DType dtype);
/// True for kFp16, kBf16, kFp32 and kFp64.
bool IsFloatingPoint(DType dtype);

/// A set of dtypes. Value type.
class DTypeSet {
 public:
  constexpr DTypeSet() = default;
  constexpr DTypeSet(DType dtype) : bits_(1U << static_cast<unsigned>(dtype)) {}
  constexpr bool Has(DType dtype) const { return (bits_ >> static_cast<unsigned>(dtype)) & 1U; }
  constexpr DTypeSet operator|(DTypeSet other) const {
    DTypeSet result;
    result.bits_ = bits_ | other.bits_;
    return result;
  }
  constexpr uint32_t bits() const { return bits_; }
  static constexpr DTypeSet FromBits(uint32_t bits) {
    DTypeSet result;
    result.bits_ = bits;
    return result;
  }

 private:
  uint32_t bits_ = 0;
};
constexpr DTypeSet operator|(DType a, DType b) { return DTypeSet(a) | DTypeSet(b); }

}  // namespace triune
