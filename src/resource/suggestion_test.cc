#include "resource/suggestion.h"

#include <gtest/gtest.h>

#include <string>

namespace triune::resource {
namespace {

TEST(EditDistanceTest, CountsEdits) {
  EXPECT_EQ(EditDistance("", ""), 0U);
  EXPECT_EQ(EditDistance("", "abc"), 3U);
  EXPECT_EQ(EditDistance("abc", ""), 3U);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3U);
  EXPECT_EQ(EditDistance("nmae", "name"), 1U);
  EXPECT_EQ(EditDistance("storageURI", "storageUri"), 0U);
}

TEST(SuggestTest, FindsTheNearest) {
  EXPECT_EQ(Suggest("nmae", {"namespace", "name"}), "name");
  EXPECT_EQ(Suggest("storageURI", {"storage", "storageUri"}), "storageUri");
  EXPECT_EQ(Suggest("minReplica", {"maxReplicas", "minReplicas"}), "minReplicas");
}

TEST(SuggestTest, StaysSilentWhenNothingIsNear) {
  EXPECT_EQ(Suggest("cat", {"name", "dog"}), "");
  EXPECT_EQ(Suggest("x", {}), "");
  EXPECT_EQ(Suggest(std::string(65, 'a'), {std::string_view("a")}), "");
}

}  // namespace
}  // namespace triune::resource
