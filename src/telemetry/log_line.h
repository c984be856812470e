// The text of one line of the log, without its time.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "telemetry/log.h"

namespace triune::telemetry {

/// `INFO model loaded model=iris path="/models/my iris"`. Values with spaces, quotes, `=` or nothing in them are put in
/// quotes; control characters, line separators and bytes that are not UTF-8 become escapes, so a value can't forge a
/// line or a field, or drive a terminal.
std::string TextLine(LogLevel level, std::string_view event, std::initializer_list<LogField> fields);

/// `"level":"INFO","event":"model loaded","model":"iris"`: the inside of a JSON object. Always valid JSON in UTF-8;
/// bytes that are not become U+FFFD. A field named like one of ours ("time", "level", "event") gets "field_" before its
/// name.
std::string JsonLine(LogLevel level, std::string_view event, std::initializer_list<LogField> fields);

}  // namespace triune::telemetry
