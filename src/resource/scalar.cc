#include "resource/scalar.h"

#include <algorithm>
#include <charconv>
#include <span>

#include "base/strings.h"
#include "resource/diagnostic.h"

namespace triune::resource {
namespace {

constexpr std::string_view kTrue[] = {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"};
constexpr std::string_view kFalse[] = {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"};
constexpr std::string_view kSpecialFloats[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"};

bool OneOf(std::string_view text, std::span<const std::string_view> words) {
  return std::ranges::find(words, text) != words.end();
}

std::string_view WithoutSign(std::string_view text) {
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) text.remove_prefix(1);
  return text;
}

/// How many digits `text` starts with.
size_t CountDigits(std::string_view text) {
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return static_cast<size_t>(std::ranges::find_if_not(text, digit) - text.begin());
}

/// Digits and the base they are in: 0x1F, 0o17, 0b11, 017 (octal, as in YAML 1.1) or 19.
struct Digits {
  std::string_view text;
  int base;
};
Digits SplitBase(std::string_view text) {
  if (text.size() > 1 && text[0] == '0') {
    if (text[1] == 'x') return {text.substr(2), 16};
    if (text[1] == 'o') return {text.substr(2), 8};
    if (text[1] == 'b') return {text.substr(2), 2};
    return {text.substr(1), 8};
  }
  return {text, 10};
}

bool IsInteger(std::string_view text) {
  Digits digits = SplitBase(WithoutSign(text));
  uint64_t ignored = 0;
  auto [end, error] =
      std::from_chars(digits.text.data(), digits.text.data() + digits.text.size(), ignored, digits.base);
  // Too large is still an integer, only none that fits.
  return error != std::errc::invalid_argument && end == digits.text.data() + digits.text.size();
}

bool IsFloat(std::string_view text) {
  text = WithoutSign(text);
  if (OneOf(text, kSpecialFloats)) return true;
  size_t whole = CountDigits(text);
  text.remove_prefix(whole);
  size_t fraction = 0;
  if (!text.empty() && text[0] == '.') {
    text.remove_prefix(1);
    fraction = CountDigits(text);
    text.remove_prefix(fraction);
  }
  if (whole + fraction == 0) return false;
  if (text.empty()) return true;
  if (text[0] != 'e' && text[0] != 'E') return false;
  text = WithoutSign(text.substr(1));
  return !text.empty() && CountDigits(text) == text.size();
}

}  // namespace

ScalarType TypeOf(const YamlNode& node) {
  if (!node.plain) return ScalarType::kString;
  if (OneOf(node.text, kTrue) || OneOf(node.text, kFalse)) return ScalarType::kBool;
  if (IsInteger(node.text)) return ScalarType::kInteger;
  return IsFloat(node.text) ? ScalarType::kFloat : ScalarType::kString;
}

std::optional<bool> AsBool(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::kScalar || TypeOf(node) != ScalarType::kBool) return std::nullopt;
  return OneOf(node.text, kTrue);
}

std::optional<int64_t> AsInteger(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::kScalar || TypeOf(node) != ScalarType::kInteger) return std::nullopt;
  Digits digits = SplitBase(WithoutSign(node.text));
  // With its sign, so that the smallest number fits.
  std::string text = (node.text[0] == '-' ? "-" : "") + std::string(digits.text);
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, digits.base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string Describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "null";
    case YamlNode::Kind::kSequence:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a map";
    case YamlNode::Kind::kScalar:
      break;
  }
  switch (TypeOf(node)) {
    case ScalarType::kBool:
      return "the boolean " + node.text;
    case ScalarType::kInteger:
    case ScalarType::kFloat:
      return "the number " + (node.text.size() > 80 ? node.text.substr(0, 80) + "..." : node.text);
    case ScalarType::kString:
      break;
  }
  return "the string " + Quote(node.text);
}

}  // namespace triune::resource
