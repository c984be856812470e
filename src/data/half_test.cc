#include "data/half.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace triune {
namespace {

constexpr uint32_t kPatterns = 65536;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// The value of a binary16 by its definition: sign, 5 bits of exponent, 10 of fraction. Not for infinity and NaN.
double ByDefinition(uint32_t bits) {
  uint32_t exponent = (bits >> 10U) & 0x1FU;
  double fraction = bits & 0x3FFU;
  double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, static_cast<int>(exponent) - 25);
  return (bits & 0x8000U) != 0 ? -magnitude : magnitude;
}

TEST(HalfTest, EveryPatternHasItsValueAndComesBack) {
  for (uint32_t bits = 0; bits < kPatterns; ++bits) {
    auto half = static_cast<uint16_t>(bits);
    float value = HalfToFloat(half);
    if ((bits & 0x7C00U) == 0x7C00U) {
      bool is_nan = (bits & 0x3FFU) != 0;
      ASSERT_EQ(std::isnan(value), is_nan) << bits;
      ASSERT_TRUE(is_nan || value == ((bits & 0x8000U) != 0 ? -kInfinity : kInfinity)) << bits;
      // A signalling NaN may become a quiet one; nothing else changes.
      ASSERT_EQ(DoubleToHalf(value) | (is_nan ? 0x200U : 0), bits | (is_nan ? 0x200U : 0)) << bits;
      continue;
    }
    ASSERT_EQ(value, static_cast<float>(ByDefinition(bits))) << bits;
    ASSERT_EQ(std::signbit(value), (bits & 0x8000U) != 0) << bits;
    ASSERT_EQ(DoubleToHalf(value), half) << bits;
  }
}

TEST(HalfTest, RoundsToTheNearestAndTiesToEven) {
  for (uint32_t bits = 0; bits < 0x7BFFU; ++bits) {  // the positive finite ones that have a next
    auto low = static_cast<uint16_t>(bits);
    auto high = static_cast<uint16_t>(bits + 1);
    double middle = (ByDefinition(low) + ByDefinition(high)) / 2;
    uint16_t even = (low & 1U) == 0 ? low : high;
    ASSERT_EQ(DoubleToHalf(middle), even) << bits;
    ASSERT_EQ(DoubleToHalf(-middle), even | 0x8000U) << bits;
    // The smallest step to either side decides, also one that a float would round away.
    ASSERT_EQ(DoubleToHalf(std::nextafter(middle, 0)), low) << bits;
    ASSERT_EQ(DoubleToHalf(std::nextafter(middle, 1e9)), high) << bits;
  }
}

TEST(HalfTest, OverflowsToInfinity) {
  EXPECT_EQ(DoubleToHalf(65504), 0x7BFF);
  EXPECT_EQ(DoubleToHalf(65519.999), 0x7BFF);
  EXPECT_EQ(DoubleToHalf(65520), 0x7C00);
  EXPECT_EQ(DoubleToHalf(-1e300), 0xFC00);
}

TEST(HalfTest, UnderflowsToZeroOfTheSameSign) {
  EXPECT_EQ(DoubleToHalf(1e-300), 0);
  EXPECT_EQ(DoubleToHalf(-1e-300), 0x8000);
}

TEST(Bf16Test, EveryPatternComesBack) {
  for (uint32_t bits = 0; bits < kPatterns; ++bits) {
    auto pattern = static_cast<uint16_t>(bits);
    float value = Bf16ToFloat(pattern);
    ASSERT_EQ(std::bit_cast<uint32_t>(value), bits << 16U) << bits;
    bool is_nan = (bits & 0x7F80U) == 0x7F80U && (bits & 0x7FU) != 0;
    ASSERT_EQ(std::isnan(value), is_nan) << bits;
    ASSERT_EQ(FloatToBf16(value), is_nan ? (pattern | 0x40U) : pattern) << bits;
  }
}

TEST(Bf16Test, RoundsToTheNearestAndTiesToEven) {
  for (uint32_t bits = 0; bits < 0x7F80U; ++bits) {  // the positive finite ones; after the last comes infinity
    uint32_t middle = (bits << 16U) | 0x8000U;
    uint32_t even = (bits & 1U) == 0 ? bits : bits + 1;
    ASSERT_EQ(FloatToBf16(std::bit_cast<float>(middle)), even) << bits;
    ASSERT_EQ(FloatToBf16(std::bit_cast<float>(middle | 0x80000000U)), even | 0x8000U) << bits;
    ASSERT_EQ(FloatToBf16(std::bit_cast<float>(middle - 1)), bits) << bits;
    ASSERT_EQ(FloatToBf16(std::bit_cast<float>(middle + 1)), bits + 1) << bits;
  }
}

TEST(Bf16Test, ANanWhoseUpperHalfWouldBeInfinityStaysANan) {
  EXPECT_EQ(FloatToBf16(std::bit_cast<float>(0x7F800001U)), 0x7FC0);
  EXPECT_EQ(FloatToBf16(std::bit_cast<float>(0xFFFFFFFFU)), 0xFFFF);
}

}  // namespace
}  // namespace triune
