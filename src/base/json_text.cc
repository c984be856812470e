#include "base/json_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/utf8.h"

namespace triune {
namespace {

/// 1 for the characters that can stand in a JSON string as they are and are ASCII.
constexpr auto kPlain = [] {
  std::array<bool, 256> plain{};
  for (size_t c = 0x20; c < 0x80; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

void AppendEscaped(TextBuffer& out, char c) {
  static constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      return out.Append("\\\"");
    case '\\':
      return out.Append("\\\\");
    case '\n':
      return out.Append("\\n");
    case '\r':
      return out.Append("\\r");
    case '\t':
      return out.Append("\\t");
    default:
      out.Append("\\u00");
      out.Append(kHex[(static_cast<uint8_t>(c) >> 4) & 15]);
      out.Append(kHex[static_cast<uint8_t>(c) & 15]);
  }
}

template <typename T>
void AppendFloat(TextBuffer& out, T value) {
  if (!std::isfinite(value)) {
    return out.Append(std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
  }
  constexpr size_t kMost = 32;
  char* begin = out.Reserve(kMost);
  char* end = std::to_chars(begin, begin + kMost - 2, value).ptr;
  bool is_integer = true;
  for (const char* p = begin; p != end; ++p) is_integer &= *p != '.' && *p != 'e';
  if (is_integer) {
    *end++ = '.';
    *end++ = '0';
  }
  out.Advance(static_cast<size_t>(end - begin));
}

}  // namespace

void AppendJsonString(TextBuffer& out, std::string_view text) {
  out.Append('"');
  while (!text.empty()) {
    size_t plain = 0;
    while (plain < text.size() && kPlain[static_cast<uint8_t>(text[plain])]) ++plain;
    out.Append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    Utf8Character character = DecodeUtf8(text);
    if (!character.valid) {
      out.Append("\\ufffd");
    } else if (character.length == 1) {
      AppendEscaped(out, text[0]);
    } else {
      out.Append(text.substr(0, character.length));
    }
    text.remove_prefix(character.length);
  }
  out.Append('"');
}

void AppendJsonFloat(TextBuffer& out, float value) { AppendFloat(out, value); }
void AppendJsonFloat(TextBuffer& out, double value) { AppendFloat(out, value); }

}  // namespace triune
