#include "base/base64.h"

#include <array>
#include <cstdint>

namespace triune {
namespace {

constexpr uint8_t kNone = 0xFF;
constexpr auto kValues = [] {
  std::array<uint8_t, 256> values{};
  values.fill(kNone);
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < kAlphabet.size(); ++i) values[static_cast<uint8_t>(kAlphabet[i])] = static_cast<uint8_t>(i);
  return values;
}();

}  // namespace

std::optional<size_t> DecodeBase64(std::string_view text, std::byte* out) {
  if (text.size() % 4 == 0 && text.ends_with('=')) text.remove_suffix(text.ends_with("==") ? 2 : 1);
  if (text.size() % 4 == 1) return std::nullopt;
  uint32_t bits = 0;
  int count = 0;
  size_t written = 0;
  for (char c : text) {
    uint8_t value = kValues[static_cast<uint8_t>(c)];
    if (value == kNone) return std::nullopt;
    bits = bits << 6U | value;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out[written++] = static_cast<std::byte>(bits >> static_cast<unsigned>(count) & 0xFFU);
    }
  }
  // What is left over must be zeros, or two texts would mean the same.
  if ((bits & ((1U << static_cast<unsigned>(count)) - 1)) != 0) return std::nullopt;
  return written;
}

}  // namespace triune
