#include "adapters/runtimes/xgboost/xgboost_ubjson.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace triune::xgboost {
namespace {

using ::testing::HasSubstr;
using std::string_literals::operator""s;

std::string ReadModel(const std::string& name) {
  std::ifstream file(std::string(std::getenv("TRIUNE_TEST_DATA")) + "/models/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(CheckUbjsonTest, AcceptsModels) {
  for (const char* name : {"multiclass.ubj", "multiclass.bst", "dart.ubj", "linear.ubj", "early_stopped.ubj"}) {
    std::string text = ReadModel(name);
    EXPECT_TRUE(IsUbjson(text)) << name;
    EXPECT_TRUE(CheckUbjson(text).ok()) << name << CheckUbjson(text).ToString();
  }
  EXPECT_FALSE(IsUbjson(ReadModel("multiclass.json")));
  EXPECT_FALSE(IsUbjson("{ \"learner\": {}}"));
}

TEST(CheckUbjsonTest, RefusesEveryPrefixOfAModel) {
  std::string text = ReadModel("binary.ubj");
  ASSERT_GT(text.size(), 1000U);
  for (size_t size = 0; size < text.size(); ++size) {
    ASSERT_EQ(CheckUbjson(std::string_view(text).substr(0, size)).code(), StatusCode::kInvalidArgument) << size;
  }
}

TEST(CheckUbjsonTest, KnowsEveryKindOfValue) {
  for (const std::string& value :
       {"Z"s, "T"s, "i\1"s, "U\xff"s, "I\0\1"s, "l\0\0\0\1"s, "L\0\0\0\0\0\0\0\1"s, "d\0\0\0\0"s, "D\0\0\0\0\0\0\0\0"s,
        "SU\3abc"s, "{}"s, "[]"s, "[TF[]]"s, "[#U\2TF"s, "[$d#U\2\0\0\0\0\0\0\0\0"s, "[$S#U\2U\1aU\0"s}) {
    std::string text = "{U\1k" + value + "}";
    EXPECT_TRUE(CheckUbjson(text).ok()) << value << ": " << CheckUbjson(text).ToString();
  }
}

TEST(CheckUbjsonTest, RefusesLengthsThatLie) {
  for (const std::string& value :
       {"SU\x7f"s + "abc", "Si\xff"s, "SL\xff\xff\xff\xff\xff\xff\xff\xff"s, "[$d#L\x40\0\0\0\0\0\0\0"s,
        "[$D#L\x20\0\0\0\0\0\0\1"s, "[#L\x7f\xff\xff\xff\xff\xff\xff\xff"s, "[$d"s, "[$"s, "[$dU\1"s, "Sd\0\0\0\0"s,
        "x"s}) {
    EXPECT_EQ(CheckUbjson("{U\1k" + value + "}").code(), StatusCode::kInvalidArgument) << value;
  }
  EXPECT_THAT(CheckUbjson("{}x").message(), HasSubstr("byte 2 of 3"));
  std::string deep = "{U\1k" + std::string(100000, '[');
  EXPECT_THAT(CheckUbjson(deep).message(), HasSubstr("nested too deeply"));
}

}  // namespace
}  // namespace triune::xgboost
