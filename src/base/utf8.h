// UTF-8, one character at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace triune {

/// A decoded character, or one byte that does not start a well-formed one.
struct Utf8Character {
  size_t length = 1;  ///< Bytes that it takes.
  uint32_t code = 0;  ///< Its number; meaningless when not valid.
  bool valid = false;
};

/// The character at the start of `text`, which is not empty. Overlong forms, surrogates and numbers above U+10FFFF are
/// not valid.
Utf8Character DecodeUtf8(std::string_view text);

}  // namespace triune
