#include "base/strings.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace triune {
namespace {

TEST(StrCatTest, JoinsTextAndNumbers) {
  std::string name = "x";
  EXPECT_EQ(StrCat(), "");
  EXPECT_EQ(StrCat("got ", 3, ", want ", name, std::string_view("!")), "got 3, want x!");
  EXPECT_EQ(StrCat(int64_t{-9223372036854775807 - 1}, " ", uint64_t{18446744073709551615U}),
            "-9223372036854775808 18446744073709551615");
}

TEST(StrCatTest, TakesACharacterForItself) {
  EXPECT_EQ(StrCat('x', ':', uint8_t{120}), "x:120");
  EXPECT_EQ(StrCat('\0').size(), 1U);
}

TEST(StrCatTest, RefusesBool) { static_assert(!std::constructible_from<StringPiece, bool>); }

}  // namespace
}  // namespace triune
