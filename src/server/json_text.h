// Writing JSON text.
#pragma once

#include <string_view>

#include "server/http/text_buffer.h"

namespace triune::server {

/// Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
void AppendJsonString(http::TextBuffer& out, std::string_view text);

/// Appends the shortest text that reads back as the same value, always with a '.' or an exponent. NaN, Infinity and
/// -Infinity are written so, as Python, TensorFlow Serving and Triton do; strict JSON has no such numbers.
void AppendJsonFloat(http::TextBuffer& out, float value);
void AppendJsonFloat(http::TextBuffer& out, double value);

}  // namespace triune::server
