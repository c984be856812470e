#include "cli/number_check.h"

#include <charconv>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include "base/strings.h"

namespace triune::cli {
namespace {

template <typename Number>
bool Reads(std::string_view text, Number& number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

std::string Want(std::string_view wanted, std::string_view text) {
  return StrCat("want ", wanted, ", got ", Quoted(text));
}

}  // namespace

CLI::Validator WholeNumber(uint64_t least, uint64_t most) {
  bool open = most == std::numeric_limits<uint64_t>::max();
  std::string wanted =
      open ? StrCat("a whole number of at least ", least) : StrCat("a whole number from ", least, " to ", most);
  auto check = [least, most, wanted = std::move(wanted)](std::string& text) -> std::string {
    uint64_t number = 0;
    if (!Reads(std::string_view(text), number) || number < least || number > most) return Want(wanted, text);
    text = std::to_string(number);  // CLI11 would read 010 as octal
    return "";
  };
  return CLI::Validator(std::move(check), "");
}

CLI::Validator PositiveNumber(Zero zero) {
  auto check = [zero](std::string& text) -> std::string {
    double number = 0;
    bool good = Reads(std::string_view(text), number) && std::isfinite(number) &&
                (zero == Zero::kAllowed ? number >= 0 : number > 0);
    return good ? "" : Want(zero == Zero::kAllowed ? "a number of at least 0" : "a number above 0", text);
  };
  return CLI::Validator(std::move(check), "");
}

}  // namespace triune::cli
