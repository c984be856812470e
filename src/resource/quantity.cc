#include "resource/quantity.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "resource/diagnostic.h"

namespace triune::resource {
namespace {

/// What a suffix multiplies by: 2^binary * 10^decimal.
struct Scale {
  int binary = 0;
  int decimal = 0;
};

struct Suffix {
  std::string_view text;
  Scale scale;
};
constexpr Suffix kSuffixes[] = {{"", {}},        {"n", {0, -9}},  {"u", {0, -6}},  {"m", {0, -3}},
                                {"k", {0, 3}},   {"M", {0, 6}},   {"G", {0, 9}},   {"T", {0, 12}},
                                {"P", {0, 15}},  {"E", {0, 18}},  {"Ki", {10, 0}}, {"Mi", {20, 0}},
                                {"Gi", {30, 0}}, {"Ti", {40, 0}}, {"Pi", {50, 0}}, {"Ei", {60, 0}}};

std::optional<Scale> ParseSuffix(std::string_view text) {
  for (const Suffix& suffix : kSuffixes) {
    if (suffix.text == text) return suffix.scale;
  }
  if (text.size() < 2 || (text[0] != 'e' && text[0] != 'E')) return std::nullopt;
  if (text.starts_with("e+-") || text.starts_with("E+-")) return std::nullopt;
  text.remove_prefix(text[1] == '+' ? 2 : 1);
  int exponent = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), exponent);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return Scale{0, std::clamp(exponent, -1000, 1000)};
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

Status BadQuantity(std::string_view text) {
  return InvalidArgument("not a quantity: got " + Quote(text) + ", want for example \"500m\", \"2\" or \"1Gi\"");
}

/// A number of which only what matters is kept: beyond `kCap` its exact value does not.
class CappedNumber {
 public:
  using Wide = unsigned __int128;

  void MultiplyBy(uint32_t factor) { value_ = value_ > kCap / factor ? kCap : value_ * factor; }
  void Add(uint32_t digit) { value_ = std::min<Wide>(value_ + digit, kCap); }
  /// Rounds up; a remainder that an earlier division left is not forgotten, because that one rounded up too.
  void DivideBy(uint32_t divisor) { value_ = value_ / divisor + (value_ % divisor == 0 ? 0 : 1); }
  bool IsZero() const { return value_ == 0; }
  Wide value() const { return value_; }

 private:
  static constexpr Wide kCap = Wide{1} << 120U;
  Wide value_ = 0;
};

}  // namespace

Result<Quantity> Quantity::Parse(std::string_view text) {
  // Kubernetes has no such limit, but nobody writes longer ones, and a bound on the digits keeps the sums below exact.
  constexpr size_t kLongest = 64;
  constexpr int kFractionDigits = 18;
  std::string_view rest = text;
  bool negative = false;
  if (!rest.empty() && (rest[0] == '+' || rest[0] == '-')) {
    negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  CappedNumber number;
  int decimal = 9;  // To nanos.
  size_t digits = 0;
  bool in_fraction = false;
  bool cut_off = false;
  for (; !rest.empty() && (IsDigit(rest[0]) || (rest[0] == '.' && !in_fraction)); rest.remove_prefix(1)) {
    if (rest[0] == '.') {
      in_fraction = true;
      continue;
    }
    ++digits;
    if (in_fraction && decimal <= 9 - kFractionDigits) {
      cut_off = cut_off || rest[0] != '0';
      continue;
    }
    number.MultiplyBy(10);
    number.Add(static_cast<uint32_t>(rest[0] - '0'));
    if (in_fraction) --decimal;
  }
  std::optional<Scale> scale = ParseSuffix(rest);
  if (digits == 0 || !scale || text.size() > kLongest) return BadQuantity(text);
  if (cut_off) number.Add(1);
  for (int i = 0; i < scale->binary; ++i) number.MultiplyBy(2);
  decimal += scale->decimal;
  for (; decimal > 0 && !number.IsZero(); --decimal) number.MultiplyBy(10);
  for (; decimal < 0 && number.value() > 1; ++decimal) number.DivideBy(10);

  constexpr auto kMost = static_cast<CappedNumber::Wide>(std::numeric_limits<int64_t>::max()) * kNanosPerUnit;
  Quantity quantity;
  quantity.nanos_ = static_cast<Nanos>(std::min(number.value(), kMost));
  if (negative) quantity.nanos_ = -quantity.nanos_;
  quantity.text_ = text;
  return quantity;
}

int64_t Quantity::InUnitsOf(int64_t nanos) const {
  Nanos magnitude = nanos_ < 0 ? -nanos_ : nanos_;
  Nanos units = (magnitude + nanos - 1) / nanos;
  units = std::min<Nanos>(units, std::numeric_limits<int64_t>::max());
  return static_cast<int64_t>(nanos_ < 0 ? -units : units);
}

}  // namespace triune::resource
