#include "resource/diagnostic.h"

#include <gtest/gtest.h>

namespace triune::resource {
namespace {

TEST(DiagnosticTest, PrintsFileLineFieldAndMessage) {
  Diagnostic diagnostic{Diagnostic::kError, "iris.yaml", 7, "spec.predictor", "no model"};
  EXPECT_EQ(diagnostic.ToString(), "iris.yaml:7: spec.predictor: no model");
  diagnostic.field.clear();
  EXPECT_EQ(diagnostic.ToString(), "iris.yaml:7: no model");
  diagnostic.line = 0;
  EXPECT_EQ(diagnostic.ToString(), "iris.yaml: no model");
}

TEST(DiagnosticListTest, UnsupportedFieldsAreErrorsOnlyWhenStrict) {
  for (bool strict : {false, true}) {
    DiagnosticList list("f", strict);
    list.Unsupported(1, "a", "unknown field");
    EXPECT_EQ(list.error_count(), strict ? 1U : 0U);
    EXPECT_EQ(list.Take().at(0).severity, strict ? Diagnostic::kError : Diagnostic::kWarning);
  }
}

TEST(DiagnosticListTest, KeepsTheFirstAndCountsTheRest) {
  DiagnosticList list("f", false);
  for (size_t i = 0; i < DiagnosticList::kMostKept + 5; ++i) list.Warning(1, "a", "w");
  EXPECT_TRUE(list.full());
  list.Error(1, "a", "e");
  EXPECT_EQ(list.error_count(), 1U);
  auto diagnostics = list.Take();
  ASSERT_EQ(diagnostics.size(), DiagnosticList::kMostKept + 1);
  // The error was left out, but the report as a whole must not look clean.
  EXPECT_EQ(diagnostics.back().severity, Diagnostic::kError);
  EXPECT_EQ(diagnostics.back().message, "more problems were found than are shown: 6 (1 errors)");
}

TEST(DiagnosticListTest, MakesControlCharactersVisible) {
  DiagnosticList list("f", false);
  list.Error(1, "a\nb", "c\x1b[31m\rd");
  EXPECT_EQ(list.Take().at(0).ToString(), "f:1: a\\x0ab: c\\x1b[31m\\x0dd");
}

TEST(QuoteTest, CutsLongTextBetweenCharacters) {
  EXPECT_EQ(Quote("short"), "\"short\"");
  std::string text(79, 'a');
  EXPECT_EQ(Quote(text + "\xc3\xa9\xc3\xa9"), "\"" + text + "...\"");
}

}  // namespace
}  // namespace triune::resource
