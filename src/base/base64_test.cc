#include "base/base64.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace triune {
namespace {

std::optional<std::string> Decode(std::string_view text) {
  std::vector<std::byte> out(Base64Bound(text));
  auto size = DecodeBase64(text, out.data());
  if (!size) return std::nullopt;
  EXPECT_LE(*size, out.size());
  return std::string(reinterpret_cast<const char*>(out.data()), *size);
}

TEST(Base64Test, DecodesTheVectorsOfTheStandard) {
  EXPECT_EQ(Decode(""), "");
  EXPECT_EQ(Decode("Zg=="), "f");
  EXPECT_EQ(Decode("Zm8="), "fo");
  EXPECT_EQ(Decode("Zm9v"), "foo");
  EXPECT_EQ(Decode("Zm9vYg=="), "foob");
  EXPECT_EQ(Decode("Zm9vYmE="), "fooba");
  EXPECT_EQ(Decode("Zm9vYmFy"), "foobar");
  EXPECT_EQ(Decode("/+8A"), std::string("\xff\xef\0", 3));
}

TEST(Base64Test, PaddingMayBeMissing) {
  EXPECT_EQ(Decode("Zg"), "f");
  EXPECT_EQ(Decode("Zm8"), "fo");
}

TEST(Base64Test, RefusesWhatIsNone) {
  for (const char* text : {"Z", "Zg=", "Zm9v=", "Z===", "====", "=", "Zm 9v", "Zm9v\n", "Zm9-", "Zh==", "Zm9"}) {
    EXPECT_EQ(Decode(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace triune
