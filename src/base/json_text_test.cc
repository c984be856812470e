#include "base/json_text.h"

#include <gtest/gtest.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <random>
#include <string>

namespace triune {
namespace {

template <typename T>
std::string Text(T value) {
  TextBuffer out;
  AppendJsonFloat(out, value);
  return std::string(out.view());
}

std::string Quoted(std::string_view text) {
  TextBuffer out;
  AppendJsonString(out, text);
  return std::string(out.view());
}

TEST(JsonTextTest, FloatsAreAsShortAsTheirTypeAllows) {
  EXPECT_EQ(Text(0.1F), "0.1");
  EXPECT_EQ(Text(0.1), "0.1");
  EXPECT_EQ(Text(static_cast<double>(0.1F)), "0.10000000149011612");
  EXPECT_EQ(Text(1.0F / 3), "0.33333334");
  EXPECT_EQ(Text(1.0 / 3), "0.3333333333333333");
  EXPECT_EQ(Text(std::numeric_limits<float>::denorm_min()), "1e-45");
  EXPECT_EQ(Text(std::numeric_limits<double>::denorm_min()), "5e-324");
  EXPECT_EQ(Text(std::numeric_limits<float>::max()), "3.4028235e+38");
  EXPECT_EQ(Text(std::numeric_limits<double>::lowest()), "-1.7976931348623157e+308");
}

TEST(JsonTextTest, WholeNumbersKeepADecimalPoint) {
  EXPECT_EQ(Text(0.0F), "0.0");
  EXPECT_EQ(Text(-0.0F), "-0.0");
  EXPECT_EQ(Text(5.0), "5.0");
  EXPECT_EQ(Text(-16777216.0F), "-16777216.0");
  EXPECT_EQ(Text(1e22), "1e+22");
}

TEST(JsonTextTest, NumbersThatJsonDoesNotHaveAreWrittenAsPythonDoes) {
  EXPECT_EQ(Text(std::numeric_limits<float>::quiet_NaN()), "NaN");
  EXPECT_EQ(Text(-std::numeric_limits<double>::quiet_NaN()), "NaN");
  EXPECT_EQ(Text(std::numeric_limits<float>::infinity()), "Infinity");
  EXPECT_EQ(Text(-std::numeric_limits<double>::infinity()), "-Infinity");
}

template <typename T, typename Bits>
void ExpectEveryTextReadsBackTheSame() {
  std::mt19937_64 random(20240601);
  for (int i = 0; i < 200'000; ++i) {
    auto bits = static_cast<Bits>(random());
    T value = std::bit_cast<T>(bits);
    if (!std::isfinite(value)) continue;
    std::string text = Text(value);
    T back = 0;
    auto result = std::from_chars(text.data(), text.data() + text.size(), back);
    ASSERT_EQ(result.ptr, text.data() + text.size()) << text;
    ASSERT_EQ(std::bit_cast<Bits>(back), bits) << text;
  }
}

TEST(JsonTextTest, RandomFloatsReadBackTheSame) { ExpectEveryTextReadsBackTheSame<float, uint32_t>(); }
TEST(JsonTextTest, RandomDoublesReadBackTheSame) { ExpectEveryTextReadsBackTheSame<double, uint64_t>(); }

TEST(JsonTextTest, StringsAreEscaped) {
  EXPECT_EQ(Quoted(""), R"("")");
  EXPECT_EQ(Quoted("plain text, /slashes/ too"), R"("plain text, /slashes/ too")");
  EXPECT_EQ(Quoted("say \"hi\" \\ bye"), R"("say \"hi\" \\ bye")");
  EXPECT_EQ(Quoted("a\nb\rc\td"), R"("a\nb\rc\td")");
  EXPECT_EQ(Quoted(std::string_view("\0\x01\x1f\x7f", 4)), "\"\\u0000\\u0001\\u001f\x7f\"");
}

TEST(JsonTextTest, Utf8StaysAsItIs) {
  EXPECT_EQ(Quoted("h\u00e9llo \u4e16\u754c \U0001F600"), "\"h\u00e9llo \u4e16\u754c \U0001F600\"");
}

TEST(JsonTextTest, BytesThatAreNotUtf8BecomeReplacementCharacters) {
  EXPECT_EQ(Quoted("a\xff"
                   "b"),
            R"("a\ufffdb")");
  EXPECT_EQ(Quoted("\xc0\xaf"), R"("\ufffd\ufffd")");            // overlong
  EXPECT_EQ(Quoted("\xed\xa0\x80"), R"("\ufffd\ufffd\ufffd")");  // a surrogate
  EXPECT_EQ(Quoted("end\xe4\xb8"), R"("end\ufffd\ufffd")");      // cut short
}

}  // namespace
}  // namespace triune
