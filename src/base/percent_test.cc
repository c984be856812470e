#include "base/percent.h"

#include <gtest/gtest.h>

namespace triune {
namespace {

TEST(PercentDecodeTest, DecodesBothCases) {
  bool malformed = false;
  EXPECT_EQ(PercentDecode("my%20iris%2fx%2F%C3%a9%25", &malformed), "my iris/x/\xc3\xa9%");
  EXPECT_EQ(PercentDecode("a+b", &malformed), "a+b");
  EXPECT_EQ(PercentDecode("", &malformed), "");
  EXPECT_EQ(PercentDecode("%00", &malformed), std::string(1, '\0'));
  EXPECT_FALSE(malformed);
}

TEST(PercentDecodeTest, LeavesWhatIsMalformedAndSaysSo) {
  for (const char* text : {"%", "100%", "%4", "%g1", "%1g", "%%"}) {
    bool malformed = false;
    EXPECT_EQ(PercentDecode(text, &malformed), text);
    EXPECT_TRUE(malformed) << text;
    EXPECT_EQ(PercentDecode(text), text);
  }
  EXPECT_EQ(PercentDecode("%%41%zz"), "%A%zz");
}

}  // namespace
}  // namespace triune
