#include "cli/number_check.h"

#include <gtest/gtest.h>

#include <string>

namespace triune::cli {
namespace {

TEST(WholeNumberTest, SaysWhatIsWantedAndWhatCame) {
  CLI::Validator port = WholeNumber(0, 65535);
  for (std::string text : {"0", "65535", "08080"}) EXPECT_EQ(port(text), "") << text;
  std::string with_zero = "010";
  port(with_zero);
  EXPECT_EQ(with_zero, "10") << "octal numbers are nobody's wish";
  for (std::string text : {"abc", "", "-1", "65536", "1.5", "80x", " 80", "99999999999999999999"}) {
    EXPECT_EQ(port(text), "want a whole number from 0 to 65535, got '" + text + "'");
  }
  std::string none = "0";
  EXPECT_EQ(WholeNumber(1)(none), "want a whole number of at least 1, got '0'");
}

TEST(PositiveNumberTest, TakesPartsAndRefusesWhatIsNoTime) {
  for (std::string text : {"0.5", "30", "1e3"}) EXPECT_EQ(PositiveNumber()(text), "") << text;
  for (std::string text : {"0", "-1", "abc", "", "nan", "inf"}) {
    EXPECT_EQ(PositiveNumber()(text), "want a number above 0, got '" + text + "'");
  }
  std::string zero = "0";
  EXPECT_EQ(PositiveNumber(Zero::kAllowed)(zero), "");
}

}  // namespace
}  // namespace triune::cli
