// Writing JSON text.
#pragma once

#include <string_view>

#include "base/text_buffer.h"

namespace triune {

/// Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
void AppendJsonString(TextBuffer& out, std::string_view text);

/// Appends the shortest text that reads back as the same value, always with a '.' or an exponent. NaN, Infinity and
/// -Infinity are written so, as Python, TensorFlow Serving and Triton do; strict JSON has no such numbers.
void AppendJsonFloat(TextBuffer& out, float value);
void AppendJsonFloat(TextBuffer& out, double value);

}  // namespace triune
