#include "telemetry/log_line.h"

#include <algorithm>
#include <cstdint>

#include "base/utf8.h"

namespace triune::telemetry {
namespace {

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "DEBUG";
    case LogLevel::kInfo:
      return "INFO";
    case LogLevel::kWarning:
      return "WARNING";
    case LogLevel::kError:
      return "ERROR";
    case LogLevel::kOff:
      break;
  }
  return "OFF";
}

/// Characters that end a line or move a cursor somewhere: C0 and C1 controls, line and paragraph separators.
bool IsControl(uint32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029;
}

void AppendHex(std::string& out, std::string_view prefix, uint32_t value, int digits) {
  out += prefix;
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) out += "0123456789abcdef"[(value >> shift) & 0xFU];
}

void AppendEscapedControl(std::string& out, uint32_t code) {
  switch (code) {
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      AppendHex(out, "\\u", code, 4);
  }
}

enum class Quotes : uint8_t { kEscaped, kKept };

/// `text` with everything escaped that is dangerous; `invalid` stands for a byte that is not UTF-8, null: \xNN.
void AppendEscaped(std::string& out, std::string_view text, Quotes quotes, const char* invalid) {
  while (!text.empty()) {
    Utf8Character character = DecodeUtf8(text);
    if (!character.valid) {
      if (invalid != nullptr) {
        out += invalid;
      } else {
        AppendHex(out, "\\x", static_cast<unsigned char>(text[0]), 2);
      }
    } else if (IsControl(character.code)) {
      AppendEscapedControl(out, character.code);
    } else {
      if (quotes == Quotes::kEscaped && (text[0] == '"' || text[0] == '\\')) out += '\\';
      out += text.substr(0, character.length);
    }
    text.remove_prefix(character.length);
  }
}

/// True when `value` can stand in a line as it is, and nobody can take it for two values.
bool IsBare(std::string_view value) {
  auto bare = [](char c) { return c > ' ' && c < 0x7F && c != '"' && c != '=' && c != '\\'; };
  return !value.empty() && std::ranges::all_of(value, bare);
}

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  AppendEscaped(out, text, Quotes::kEscaped, "\uFFFD");
  out += '"';
}

/// "nan" and "inf" are no numbers in JSON.
bool IsJsonNumber(const LogField& field) {
  return field.is_number && field.value.find_first_not_of("0123456789.-") == std::string::npos;
}

}  // namespace

std::string TextLine(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  std::string line(LevelName(level));
  line += ' ';
  AppendEscaped(line, event, Quotes::kKept, nullptr);
  for (const LogField& field : fields) {
    line += ' ';
    AppendEscaped(line, field.key, Quotes::kKept, nullptr);
    line += '=';
    if (IsBare(field.value)) {
      line += field.value;
      continue;
    }
    line += '"';
    AppendEscaped(line, field.value, Quotes::kEscaped, nullptr);
    line += '"';
  }
  return line;
}

std::string JsonLine(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  std::string line = R"("level":")";
  line.append(LevelName(level)).append(R"(","event":)");
  AppendJsonString(line, event);
  for (const LogField& field : fields) {
    bool taken = field.key == "time" || field.key == "level" || field.key == "event";
    line += ',';
    AppendJsonString(line, taken ? "field_" + std::string(field.key) : std::string(field.key));
    line += ':';
    if (IsJsonNumber(field)) {
      line += field.value;
    } else {
      AppendJsonString(line, field.value);
    }
  }
  return line;
}

}  // namespace triune::telemetry
