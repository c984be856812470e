#include "cli/output_format.h"

#include <gtest/gtest.h>

namespace triune::cli {
namespace {

using Json = nlohmann::ordered_json;

TEST(FormatTableTest, AlignsColumns) {
  EXPECT_EQ(FormatTable({{"NAME", "STATUS"}, {"xgboost", "ready"}, {"onnx", ""}}),
            "NAME     STATUS\nxgboost  ready\nonnx\n");
}

TEST(FormatYamlTest, NestsObjectsAndArrays) {
  Json value = Json::parse(R"({"a": [{"b": 1, "c": ["x", "z"]}, {"d": {}}], "e": [], "f": {"g": true, "h": null}})");
  EXPECT_EQ(FormatYaml(value), "a:\n- b: 1\n  c:\n  - x\n  - z\n- d: {}\ne: []\nf:\n  g: true\n  h: null\n");
}

TEST(FormatYamlTest, QuotesWhatYamlWouldMisread) {
  for (const char* text : {"", "true", "No", "1.5", "null", "a: b", "- x", "#", "with space", "tab\t", "~", "3.2.0"}) {
    EXPECT_EQ(FormatYaml(Json(text)), Json(text).dump() + "\n") << text;
  }
  EXPECT_EQ(FormatYaml(Json("ONNX-1_x.y/z")), "ONNX-1_x.y/z\n");
}

}  // namespace
}  // namespace triune::cli
