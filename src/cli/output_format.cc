#include "cli/output_format.h"

#include <algorithm>
#include <cctype>

namespace triune::cli {
namespace {

using Json = nlohmann::ordered_json;

/// Plain only when nothing in it can mean anything in YAML; JSON's strings are YAML's double-quoted ones.
std::string YamlScalar(const Json& value) {
  if (!value.is_string()) return value.dump();
  const auto& text = value.get_ref<const std::string&>();
  bool plain = !text.empty() && std::isalpha(static_cast<unsigned char>(text[0])) != 0 &&
               std::ranges::all_of(text, [](unsigned char c) {
                 return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.' || c == '/';
               });
  std::string lower = text;
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const char* word : {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}) plain = plain && lower != word;
  return plain ? text : value.dump();
}

bool IsBlock(const Json& value) { return value.is_structured() && !value.empty(); }

std::string Scalar(const Json& value) {
  if (value.is_object()) return "{}";
  if (value.is_array()) return "[]";
  return YamlScalar(value);
}

void AppendYaml(const Json& value, const std::string& indent, std::string& out) {
  if (value.is_object()) {
    for (const auto& [key, item] : value.items()) {
      out += indent + YamlScalar(key) + ":";
      if (IsBlock(item)) {
        out += '\n';
        AppendYaml(item, indent + (item.is_object() ? "  " : ""), out);
      } else {
        out += " " + Scalar(item) + "\n";
      }
    }
    return;
  }
  for (const Json& item : value) {
    if (!IsBlock(item)) {
      out += indent + "- " + Scalar(item) + "\n";
      continue;
    }
    // The first line of the item goes behind the dash.
    std::string block;
    AppendYaml(item, indent + "  ", block);
    block[indent.size()] = '-';
    out += block;
  }
}

}  // namespace

std::string FormatTable(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      line.append(widths[i] - row[i].size() + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string FormatJson(const Json& value) { return value.dump(2) + "\n"; }

std::string FormatYaml(const Json& value) {
  if (!IsBlock(value)) return Scalar(value) + "\n";
  std::string text;
  AppendYaml(value, "", text);
  return text;
}

}  // namespace triune::cli
