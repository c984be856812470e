// Building messages.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace triune {

/// One piece of StrCat: text, a character or a number. Not bool, whose text is for the caller to choose.
class StringPiece {
 public:
  StringPiece(std::string_view text) : text_(text) {}
  StringPiece(const char* text) : text_(text) {}
  StringPiece(const std::string& text) : text_(text) {}
  template <std::same_as<char> T>
  StringPiece(T character) : number_(1, character), text_(number_) {}
  template <std::integral T>
    requires(!std::same_as<T, char> && !std::same_as<T, bool>)
  StringPiece(T number) : number_(std::to_string(number)), text_(number_) {}
  StringPiece(const StringPiece&) = delete;
  StringPiece& operator=(const StringPiece&) = delete;

  std::string_view text() const { return text_; }

 private:
  std::string number_;
  std::string_view text_;
};

/// StrCat("got ", 3, ", want ", name): the pieces, one after another.
template <typename... Pieces>
std::string StrCat(const Pieces&... pieces) {
  std::string result;
  (result.append(StringPiece(pieces).text()), ...);
  return result;
}

/// `text` in single quotes, for messages; cut when it is longer than a message should be.
inline std::string Quoted(std::string_view text) {
  constexpr size_t kMost = 100;
  if (text.size() <= kMost) return StrCat("'", text, "'");
  return StrCat("'", text.substr(0, kMost), "...' (", text.size(), " bytes)");
}

}  // namespace triune
