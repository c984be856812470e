#include "resource/yaml_text.h"

#include "base/strings.h"
#include "base/utf8.h"

namespace triune::resource {

std::optional<YamlProblem> FindForbiddenByte(std::string_view text) {
  int line = 1;
  while (!text.empty()) {
    Utf8Character character = DecodeUtf8(text);
    int byte = static_cast<unsigned char>(text[0]);
    if (!character.valid) return YamlProblem{line, StrCat("text is not UTF-8: got byte ", byte)};
    bool blank = byte == '\t' || byte == '\n' || byte == '\r';
    if ((byte < 0x20 && !blank) || byte == 0x7F) {
      return YamlProblem{line, StrCat("control character in the text: got byte ", byte)};
    }
    if (byte == '\n') ++line;
    text.remove_prefix(character.length);
  }
  return std::nullopt;
}

}  // namespace triune::resource
