// The 16-bit floating point formats, which C++20 has no types for.
#pragma once

#include <bit>
#include <cstdint>

namespace triune {

/// IEEE 754 binary16; conversions round to nearest, ties to even.
inline float HalfToFloat(uint16_t bits) { return static_cast<float>(std::bit_cast<_Float16>(bits)); }
inline uint16_t DoubleToHalf(double value) { return std::bit_cast<uint16_t>(static_cast<_Float16>(value)); }

/// bfloat16: the upper half of a binary32.
inline float Bf16ToFloat(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16U); }
inline uint16_t FloatToBf16(float value) {
  auto bits = std::bit_cast<uint32_t>(value);
  if (value != value) return static_cast<uint16_t>((bits >> 16U) | 0x40U);  // a NaN stays one
  return static_cast<uint16_t>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U);
}

}  // namespace triune
