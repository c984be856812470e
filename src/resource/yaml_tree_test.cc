#include "resource/yaml_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace triune::resource {
namespace {

using ::testing::HasSubstr;
using Kind = YamlNode::Kind;

/// The only document of `text`, which must have no problems.
YamlNode ParseOne(std::string_view text) {
  YamlDocuments result = ParseYaml(text);
  EXPECT_TRUE(result.problems.empty()) << result.problems.at(0).message;
  EXPECT_EQ(result.documents.size(), 1U);
  return result.documents.empty() ? YamlNode() : result.documents[0];
}

/// The only problem of `text`.
YamlProblem ProblemOf(std::string_view text, const YamlLimits& limits = {}) {
  YamlDocuments result = ParseYaml(text, limits);
  EXPECT_EQ(result.problems.size(), 1U) << text;
  return result.problems.empty() ? YamlProblem() : result.problems[0];
}

std::string Repeat(std::string_view text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

TEST(YamlTreeTest, KeepsLinesAndQuotes) {
  YamlNode root = ParseOne("# comment\na: 1\nb:\n  - x\n  - 'y'\n\nc: {d: ~}\n");
  ASSERT_EQ(root.kind, Kind::kMap);
  ASSERT_EQ(root.entries.size(), 3U);
  EXPECT_EQ(root.line, 2);
  EXPECT_EQ(root.entries[0].key, "a");
  EXPECT_EQ(root.entries[0].line, 2);
  EXPECT_TRUE(root.Find("a")->plain);
  EXPECT_EQ(root.entries[1].line, 3);
  const YamlNode& list = *root.Find("b");
  ASSERT_EQ(list.elements.size(), 2U);
  EXPECT_EQ(list.elements[1].text, "y");
  EXPECT_EQ(list.elements[1].line, 5);
  EXPECT_FALSE(list.elements[1].plain);
  EXPECT_EQ(root.Find("c")->Find("d")->kind, Kind::kNull);
  EXPECT_EQ(root.Find("nothing"), nullptr);
  EXPECT_EQ(list.Find("x"), nullptr);
}

TEST(YamlTreeTest, ReadsSeveralDocumentsAndSkipsEmptyOnes) {
  YamlDocuments result = ParseYaml("---\na: 1\n---\n---\n# only a comment\n---\nb: 2\n...\n");
  EXPECT_TRUE(result.problems.empty());
  ASSERT_EQ(result.documents.size(), 2U);
  EXPECT_EQ(result.documents[1].entries.at(0).line, 7);
  EXPECT_TRUE(ParseYaml("").documents.empty());
}

TEST(YamlTreeTest, ReadsJson) {
  YamlNode root = ParseOne("{\n\t\"a\": [1, \"x\\n\\u00e9\\/\"],\n\t\"b\":{\"c\":null,\"d\":true}\n}\n");
  EXPECT_EQ(root.Find("a")->elements.at(1).text, "x\n\xc3\xa9/");
  EXPECT_FALSE(root.Find("a")->elements.at(1).plain);
  EXPECT_TRUE(root.Find("b")->Find("d")->plain);
  EXPECT_EQ(root.Find("b")->Find("c")->kind, Kind::kNull);
}

TEST(YamlTreeTest, ReadsKeysWithAColonAndNoValue) {
  for (const char* text :
       {"a:", "b: 1\na:\n", "{a: , b: 1}", "{b: 1, a: }", "\xef\xbb\xbf{\xc3\xa9: 1, a:\n}", "{\"a\":}", "? a\n",
        "b: 1\n? a\n", "b:\n  a:\na:\n", "a: ~", "{a: null}", "a:\r\nb: 1\r\n"}) {
    const YamlNode root = ParseOne(text);
    ASSERT_NE(root.Find("a"), nullptr) << text;
    EXPECT_EQ(root.Find("a")->kind, Kind::kNull) << text;
  }
}

TEST(YamlTreeTest, ResolvesAliasesAndMergeKeys) {
  YamlNode root = ParseOne("base: &b {x: 1, y: 2}\nother: &o {y: 3, z: 4}\nuse: *b\nmerged: {<<: [*b, *o], x: 9}\n");
  EXPECT_EQ(root.Find("use")->Find("y")->text, "2");
  const YamlNode& merged = *root.Find("merged");
  ASSERT_EQ(merged.entries.size(), 3U);
  EXPECT_EQ(merged.Find("x")->text, "9");
  EXPECT_EQ(merged.Find("y")->text, "2");
  EXPECT_EQ(merged.Find("z")->text, "4");
  EXPECT_EQ(merged.Find("<<"), nullptr);
}

TEST(YamlTreeTest, ReportsDuplicateKeysWithBothLines) {
  YamlDocuments result = ParseYaml("a: 1\nb: 2\na: 3\na: 4\nc: {d: 1, d: 2}\n");
  ASSERT_EQ(result.problems.size(), 3U);
  EXPECT_EQ(result.problems[0].line, 5);
  EXPECT_EQ(result.problems[1].line, 3);
  EXPECT_EQ(result.problems[1].message, "duplicate key: got \"a\" again, first on line 1");
  EXPECT_EQ(result.problems[2].line, 4);
  ASSERT_EQ(result.documents.size(), 1U);
  EXPECT_EQ(result.documents[0].Find("a")->text, "1");
}

TEST(YamlTreeTest, KeepsDocumentsBeforeASyntaxError) {
  YamlDocuments result = ParseYaml("a: 1\n---\nb: [1\nc: }\n");
  EXPECT_EQ(result.documents.size(), 1U);
  ASSERT_EQ(result.problems.size(), 1U);
  EXPECT_THAT(result.problems[0].message, HasSubstr("not valid YAML: "));
  EXPECT_GE(result.problems[0].line, 3);
}

struct ProblemCase {
  const char* name;
  std::string text;
  int line;
  const char* message;
};

class YamlProblemTest : public testing::TestWithParam<ProblemCase> {};

TEST_P(YamlProblemTest, SaysWhereAndWhy) {
  YamlProblem problem = ProblemOf(GetParam().text);
  EXPECT_EQ(problem.line, GetParam().line);
  EXPECT_THAT(problem.message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Texts, YamlProblemTest,
    testing::Values(
        ProblemCase{"UnknownAlias", "a: *x\n", 1, "not valid YAML"},
        ProblemCase{"AliasInsideItself", "a: &x [*x]\n", 1, "alias stands inside the node that it names"},
        ProblemCase{"MapAsKey", "a: 1\n? {b: c}\n: d\n", 2, "key of a map is not text"},
        ProblemCase{"NullAsKey", "~: 1\n", 1, "key of a map is not text"},
        ProblemCase{"MergeOfText", "<<: text\n", 1, "merge key << wants a map"},
        ProblemCase{"NulByte", std::string("a: 1\nb: \0\n", 10), 2, "control character in the text: got byte 0"},
        ProblemCase{"EndOfText", "a: 1\x04\nb: 2\n", 1, "control character in the text: got byte 4"},
        ProblemCase{"NotUtf8", "a: 1\n\nb: \xff\n", 3, "text is not UTF-8: got byte 255"},
        ProblemCase{"Overlong", "a: \xc0\xaf\n", 1, "text is not UTF-8"},
        ProblemCase{"Surrogate", "a: \xed\xa0\x80\n", 1, "text is not UTF-8"},
        ProblemCase{"NoColon", "a: 1\ntimeout 5\n", 2, "no ':' behind a key: got \"timeout 5\", want KEY: VALUE"},
        ProblemCase{"NoColonAtTheEnd", "a:\n  - b: 1\n    c 5", 3, "no ':' behind a key: got \"c 5\""},
        ProblemCase{"NoColonInADocument", "a: 1\nb\n---\nc: 1\n", 2, "no ':' behind a key: got \"b\""},
        ProblemCase{"NoColonBeforeMore", "a: 1\nb 5\nc: 1\n", 3, "not valid YAML"},
        ProblemCase{"NoColonInBraces", "\xef\xbb\xbf{a: 1, b 5 , c: 2}", 1, "no ':' behind a key: got \"b 5\""},
        ProblemCase{"NoColonBehindQuotes", "{\"a:\" }", 1, "no ':' behind a key: got \"a:\""},
        ProblemCase{"Tabs", "a:\n\tb: 1\n", 2, "not valid YAML"},
        ProblemCase{"DeepFlow", Repeat("[", 100'000), 1, "nested too deeply: want at most 64 levels"},
        ProblemCase{"DeepBlock", Repeat("- ", 100'000), 1, "nested too deeply"},
        ProblemCase{"DeepKeys", Repeat("? ", 100'000), 1, "nested too deeply"},
        ProblemCase{"TooLarge", std::string((4U << 20U) + 1, 'a'), 0, "file is too large"},
        ProblemCase{"TooManyValues", "[" + Repeat("1,", 200'001) + "]", 1, "too many values"},
        ProblemCase{"TooManyDocuments", Repeat("--- a\n", 1001), 1001, "too many documents"},
        ProblemCase{"AliasBomb",
                    "a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                    "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                    "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
                    5, "too many values"},
        ProblemCase{"AliasTextBomb", "a: &a '" + std::string(1U << 20U, 'x') + "'\nb: [" + Repeat("*a,", 100) + "]\n",
                    2, "aliases stand for too much text"}),
    [](const auto& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace triune::resource
