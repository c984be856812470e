#include "adapters/runtimes/xgboost/xgboost_ubjson.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace triune::xgboost {
namespace {

using ::testing::HasSubstr;
using std::string_literals::operator""s;

std::string ReadModel(const std::string& name) {
  const char* folder = std::getenv("TRIUNE_TEST_DATA");
  EXPECT_NE(folder, nullptr);
  std::ifstream file(std::string(folder == nullptr ? "" : folder) + "/models/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// OK when `text` is exactly one well-formed object.
Status CheckUbjson(std::string_view text) {
  UbjsonReader reader(text);
  TRIUNE_RETURN_IF_ERROR(reader.Object([&](std::string_view) { return reader.Skip(); }));
  return reader.End();
}

TEST(UbjsonReaderTest, AcceptsModels) {
  for (const char* name : {"multiclass.ubj", "multiclass.bst", "dart.ubj", "linear.ubj", "early_stopped.ubj"}) {
    std::string text = ReadModel(name);
    EXPECT_TRUE(IsUbjson(text)) << name;
    EXPECT_TRUE(CheckUbjson(text).ok()) << name << CheckUbjson(text).ToString();
  }
  EXPECT_FALSE(IsUbjson(ReadModel("multiclass.json")));
  EXPECT_FALSE(IsUbjson("{ \"learner\": {}}"));
}

TEST(UbjsonReaderTest, RefusesEveryPrefixOfAModel) {
  std::string text = ReadModel("binary.ubj");
  ASSERT_GT(text.size(), 1000U);
  for (size_t size = 0; size < text.size(); ++size) {
    ASSERT_EQ(CheckUbjson(std::string_view(text).substr(0, size)).code(), StatusCode::kInvalidArgument) << size;
  }
}

TEST(UbjsonReaderTest, KnowsEveryKindOfValue) {
  for (const std::string& value :
       {"Z"s, "T"s, "i\1"s, "U\xff"s, "I\0\1"s, "l\0\0\0\1"s, "L\0\0\0\0\0\0\0\1"s, "d\0\0\0\0"s, "D\0\0\0\0\0\0\0\0"s,
        "SU\3abc"s, "{}"s, "[]"s, "[TF[]]"s, "[#U\2TF"s, "[$d#U\2\0\0\0\0\0\0\0\0"s, "[$S#U\2U\1aU\0"s}) {
    std::string text = "{U\1k" + value + "}";
    EXPECT_TRUE(CheckUbjson(text).ok()) << value << ": " << CheckUbjson(text).ToString();
  }
}

TEST(UbjsonReaderTest, ReadsIntegersOfEverySize) {
  const std::vector<std::pair<std::string, std::vector<int64_t>>> arrays = {
      {"[i\xff"s + "U\xfe" + "I\xff\xfe" + "l\xff\xff\xff\xff" + "]", {-1, 254, -2, -1}},
      {"[$i#U\2\xff\x7f"s, {-1, 127}},
      {"[$U#U\2\xff\x7f"s, {255, 127}},
      {"[$I#U\1\xff\xfe"s, {-2}},
      {"[$l#U\2\0\0\1\0\xff\xff\xff\xff"s, {256, -1}},
      {"[$L#U\1\0\0\0\0\0\0\1\0"s, {256}},
      {"[TF]"s, {1, 0}},
  };
  for (const auto& [array, want] : arrays) {
    std::vector<int64_t> values;
    UbjsonReader reader(array);
    EXPECT_TRUE(reader.Integers(&values).ok());
    EXPECT_TRUE(reader.End().ok());
    EXPECT_EQ(values, want);
  }
}

TEST(UbjsonReaderTest, RefusesLengthsThatLie) {
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
