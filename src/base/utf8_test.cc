#include "base/utf8.h"

#include <gtest/gtest.h>

namespace triune {
namespace {

TEST(Utf8Test, DecodesCharactersOfEveryLength) {
  struct Case {
    const char* text;
    size_t length;
    uint32_t code;
  };
  for (Case c : {Case{"a", 1, 'a'}, Case{"\x7f", 1, 0x7F}, Case{"\xc2\x80", 2, 0x80}, Case{"\xdf\xbf", 2, 0x7FF},
                 Case{"\xe0\xa0\x80", 3, 0x800}, Case{"\xef\xbf\xbd", 3, 0xFFFD}, Case{"\xf0\x90\x80\x80", 4, 0x10000},
                 Case{"\xf4\x8f\xbf\xbf", 4, 0x10FFFF}}) {
    Utf8Character character = DecodeUtf8(c.text);
    EXPECT_TRUE(character.valid) << c.text;
    EXPECT_EQ(character.length, c.length);
    EXPECT_EQ(character.code, c.code);
  }
  EXPECT_EQ(DecodeUtf8("\xc3\xa9 and more").length, 2U);
}

TEST(Utf8Test, RefusesOneByteOfWhatIsMalformed) {
  for (const char* text :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2z", "\xe0\x9f\xbf", "\xe2\x82", "\xed\xa0\x80",
        "\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    Utf8Character character = DecodeUtf8(text);
    EXPECT_FALSE(character.valid) << text;
    EXPECT_EQ(character.length, 1U);
  }
}

}  // namespace
}  // namespace triune
