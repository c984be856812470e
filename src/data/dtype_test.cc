#include "data/dtype.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace triune {
namespace {

TEST(DTypeTest, NamesRoundTrip) {
  std::set<std::string_view> names;
  for (int i = 0; i < kDTypeCount; ++i) {
    auto dtype = static_cast<DType>(i);
    names.insert(DTypeName(dtype));
    EXPECT_EQ(ParseDType(DTypeName(dtype)), dtype);
  }
  EXPECT_EQ(names, (std::set<std::string_view>{"BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32",
                                               "INT64", "FP16", "FP32", "FP64", "BYTES", "BF16"}));
  EXPECT_EQ(DTypeName(DType::kFp32), "FP32");
  EXPECT_EQ(DTypeName(DType::kBytes), "BYTES");
}

TEST(DTypeTest, OtherNamesAreRefused) {
  for (const char* name : {"", "fp32", "FP", "FP321", "FLOAT", "STRING"}) EXPECT_FALSE(ParseDType(name)) << name;
}

TEST(DTypeTest, SizesAreThoseOfTheNames) {
  for (int i = 0; i < kDTypeCount; ++i) {
    auto dtype = static_cast<DType>(i);
    std::string name(DTypeName(dtype));
    size_t digits = name.find_first_of("0123456789");
    size_t want = dtype == DType::kBytes ? 0 : digits == std::string::npos ? 1 : std::stoul(name.substr(digits)) / 8;
    EXPECT_EQ(DTypeSize(dtype), want) << name;
    bool floating = name.starts_with("FP") || name.starts_with("BF");
    EXPECT_EQ(IsFloatingPoint(dtype), floating) << name;
  }
}

TEST(DTypeSetTest, HoldsWhatWasPutIn) {
  constexpr DTypeSet kSet = DType::kFp32 | DType::kBytes | DType::kBool;
  for (int i = 0; i < kDTypeCount; ++i) {
    auto dtype = static_cast<DType>(i);
    bool want = dtype == DType::kFp32 || dtype == DType::kBytes || dtype == DType::kBool;
    EXPECT_EQ(kSet.Has(dtype), want);
    EXPECT_EQ(DTypeSet::FromBits(kSet.bits()).Has(dtype), want);
    EXPECT_FALSE(DTypeSet().Has(dtype));
  }
}

}  // namespace
}  // namespace triune
