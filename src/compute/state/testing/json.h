// Reading JSON in tests: strict, and no more.
#pragma once

#include <cctype>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace triune::compute {

struct Json {
  enum Kind { kNull, kBool, kNumber, kString, kArray, kObject };
  Kind kind = kNull;
  bool is = false;
  double number = 0;
  std::string text{};
  std::vector<Json> array{};
  std::map<std::string, Json> object{};

  bool has(const std::string& key) const { return object.contains(key); }
  /// A null when there is none.
  const Json& operator[](const std::string& key) const {
    static const Json none;
    auto found = object.find(key);
    return found == object.end() ? none : found->second;
  }
};

class JsonReader {
 public:
  /// None when it is not one value from its first to its last byte.
  static std::optional<Json> Read(std::string_view text) {
    JsonReader reader(text);
    Json value;
    if (!reader.Value(value)) return std::nullopt;
    reader.Space();
    return reader.rest_.empty() ? std::optional(std::move(value)) : std::nullopt;
  }

 private:
  explicit JsonReader(std::string_view text) : rest_(text) {}
  void Space() {
    while (!rest_.empty() && std::string_view(" \t\r\n").find(rest_[0]) != std::string_view::npos)
      rest_.remove_prefix(1);
  }
  bool Take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  bool Value(Json& value) {
    Space();
    if (rest_.empty()) return false;
    if (rest_[0] == '{') return Object(value);
    if (rest_[0] == '[') return Array(value);
    if (rest_[0] == '"') {
      value.kind = Json::kString;
      return String(value.text);
    }
    if (Take("null")) return true;
    value.kind = Json::kBool;
    if (Take("true")) return value.is = true;
    if (Take("false")) return true;
    return Number(value);
  }
  bool Number(Json& value) {
    value.kind = Json::kNumber;
    size_t length = 0;
    while (length < rest_.size() && (std::isdigit(static_cast<unsigned char>(rest_[length])) != 0 ||
                                     std::string_view("+-.eE").find(rest_[length]) != std::string_view::npos)) {
      ++length;
    }
    if (length == 0) return false;
    const std::string digits(rest_.substr(0, length));
    char* end = nullptr;
    value.number = std::strtod(digits.c_str(), &end);
    rest_.remove_prefix(length);
    return *end == 0;
  }
  bool String(std::string& text) {
    rest_.remove_prefix(1);
    while (!rest_.empty() && rest_[0] != '"') {
      const char c = rest_[0];
      if (static_cast<unsigned char>(c) < 32) return false;
      rest_.remove_prefix(1);
      if (c != '\\') {
        text.push_back(c);
        continue;
      }
      if (rest_.empty()) return false;
      const char escaped = rest_[0];
      rest_.remove_prefix(1);
      const std::string_view from = "\"\\/bfnrt";
      const std::string_view to = "\"\\/\b\f\n\r\t";
      if (const size_t at = from.find(escaped); at != std::string_view::npos) {
        text.push_back(to[at]);
      } else if (escaped == 'u' && rest_.size() >= 4) {
        text += "\\u" + std::string(rest_.substr(0, 4));
        rest_.remove_prefix(4);
      } else {
        return false;
      }
    }
    return Take("\"");
  }
  bool Array(Json& value) {
    value.kind = Json::kArray;
    rest_.remove_prefix(1);
    Space();
    if (Take("]")) return true;
    while (true) {
      if (!Value(value.array.emplace_back())) return false;
      Space();
      if (Take("]")) return true;
      if (!Take(",")) return false;
    }
  }
  bool Object(Json& value) {
    value.kind = Json::kObject;
    rest_.remove_prefix(1);
    Space();
    if (Take("}")) return true;
    while (true) {
      Space();
      std::string key;
      if (rest_.empty() || rest_[0] != '"' || !String(key)) return false;
      Space();
      Json member;
      if (!Take(":") || !Value(member)) return false;
      if (!value.object.emplace(std::move(key), std::move(member)).second) return false;
      Space();
      if (Take("}")) return true;
      if (!Take(",")) return false;
    }
  }
  std::string_view rest_;
};

}  // namespace triune::compute
