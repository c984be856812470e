#include "resource/scalar.h"

#include <gtest/gtest.h>

#include <limits>

namespace triune::resource {
namespace {

YamlNode Plain(std::string text) {
  YamlNode node(YamlNode::Kind::kScalar, 1);
  node.plain = true;
  node.text = std::move(text);
  return node;
}

YamlNode Quoted(std::string text) {
  YamlNode node = Plain(std::move(text));
  node.plain = false;
  return node;
}

TEST(ScalarTest, TypesArePlainTextsMeaning) {
  for (const char* text : {"true", "False", "yes", "NO", "on", "off"}) {
    EXPECT_EQ(TypeOf(Plain(text)), ScalarType::kBool) << text;
  }
  for (const char* text : {"0", "12", "-3", "+4", "0x1F", "0o17", "0b101", "017", "99999999999999999999999"}) {
    EXPECT_EQ(TypeOf(Plain(text)), ScalarType::kInteger) << text;
  }
  for (const char* text : {"1.32", "1.", ".5", "1e3", "-2.5E-7", ".inf", "-.INF", ".nan", "089.5"}) {
    EXPECT_EQ(TypeOf(Plain(text)), ScalarType::kFloat) << text;
  }
  for (const char* text :
       {"", "y", "n", "tRUE", "1.2.3", "0x", "0xG", "1e", "e3", ".", "-", "+", "1 2", "500m", "v1"}) {
    EXPECT_EQ(TypeOf(Plain(text)), ScalarType::kString) << text;
  }
}

TEST(ScalarTest, QuotedTextIsAlwaysAString) {
  for (const char* text : {"true", "12", "1.5", ""}) EXPECT_EQ(TypeOf(Quoted(text)), ScalarType::kString) << text;
  EXPECT_FALSE(AsBool(Quoted("true")));
  EXPECT_FALSE(AsInteger(Quoted("12")));
}

TEST(ScalarTest, ReadsIntegersOfAllBases) {
  EXPECT_EQ(AsInteger(Plain("12")), 12);
  EXPECT_EQ(AsInteger(Plain("-12")), -12);
  EXPECT_EQ(AsInteger(Plain("+12")), 12);
  EXPECT_EQ(AsInteger(Plain("0x1F")), 31);
  EXPECT_EQ(AsInteger(Plain("-0x10")), -16);
  EXPECT_EQ(AsInteger(Plain("0o17")), 15);
  EXPECT_EQ(AsInteger(Plain("0b101")), 5);
  EXPECT_EQ(AsInteger(Plain("017")), 15);
  EXPECT_EQ(AsInteger(Plain("9223372036854775807")), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(AsInteger(Plain("-9223372036854775808")), std::numeric_limits<int64_t>::min());
  EXPECT_FALSE(AsInteger(Plain("9223372036854775808")));
  EXPECT_FALSE(AsInteger(Plain("1.0")));
}

TEST(ScalarTest, ReadsBooleans) {
  EXPECT_EQ(AsBool(Plain("true")), true);
  EXPECT_EQ(AsBool(Plain("Off")), false);
  EXPECT_FALSE(AsBool(Plain("1")));
  EXPECT_FALSE(AsBool(YamlNode(YamlNode::Kind::kMap)));
}

TEST(ScalarTest, DescribesWhatCame) {
  EXPECT_EQ(Describe(YamlNode()), "null");
  EXPECT_EQ(Describe(YamlNode(YamlNode::Kind::kSequence)), "a list");
  EXPECT_EQ(Describe(YamlNode(YamlNode::Kind::kMap)), "a map");
  EXPECT_EQ(Describe(Plain("yes")), "the boolean yes");
  EXPECT_EQ(Describe(Plain("1.32")), "the number 1.32");
  EXPECT_EQ(Describe(Plain("two")), "the string \"two\"");
  EXPECT_EQ(Describe(Quoted("2")), "the string \"2\"");
}

}  // namespace
}  // namespace triune::resource
