#include "resource/diagnostic.h"

#include <utility>

#include "base/strings.h"

namespace triune::resource {
namespace {

constexpr size_t kMostQuotedBytes = 80;
constexpr size_t kMostFieldBytes = 300;

/// At most `most` bytes of `text`, not ending inside a UTF-8 character.
std::string_view Cut(std::string_view text, size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0U) == 0x80) --most;
  return text.substr(0, most);
}

std::string Visible(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string result;
  result.reserve(text.size());
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7F) {
      result += c;
    } else {
      result.append("\\x").append(1, kHex[byte >> 4U]).append(1, kHex[byte & 0xFU]);
    }
  }
  return result;
}

}  // namespace

std::string Diagnostic::ToString() const {
  std::string text = file;
  if (line > 0) text += StrCat(":", line);
  text += ": ";
  if (!field.empty()) text += field + ": ";
  return text + message;
}

void DiagnosticList::Add(Diagnostic::Severity severity, int line, std::string_view field, std::string_view message) {
  bool is_error = severity == Diagnostic::kError;
  if (is_error) ++error_count_;
  if (full()) {
    ++left_out_;
    if (is_error) ++left_out_errors_;
    return;
  }
  kept_.push_back({severity, file_, line, Visible(Cut(field, kMostFieldBytes)), Visible(message)});
}

std::vector<Diagnostic> DiagnosticList::Take() {
  if (left_out_ > 0) {
    auto severity = left_out_errors_ > 0 ? Diagnostic::kError : Diagnostic::kWarning;
    kept_.push_back(
        {severity, file_, 0, "",
         StrCat("more problems were found than are shown: ", left_out_, " (", left_out_errors_, " errors)")});
    left_out_ = left_out_errors_ = 0;
  }
  return std::exchange(kept_, {});
}

std::string Quote(std::string_view text) {
  std::string_view shown = Cut(text, kMostQuotedBytes);
  return StrCat("\"", shown, shown.size() < text.size() ? "...\"" : "\"");
}

}  // namespace triune::resource
