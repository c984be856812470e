#include "adapters/runtimes/xgboost/xgboost_json.h"

#include <charconv>

#include "base/strings.h"

namespace triune::xgboost {
namespace {

/// XGBoost's parser calls itself for what is nested.
constexpr int kMostLevels = 64;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

char JsonReader::Next() {
  while (position_ < text_.size()) {
    char c = text_[position_];
    if (c != ' ' && c != '\n' && c != '\t' && c != '\r') return c;
    ++position_;
  }
  return '\0';
}

bool JsonReader::Take(std::string_view word) {
  if (!text_.substr(position_).starts_with(word)) return false;
  position_ += word.size();
  return true;
}

size_t JsonReader::Digits() {
  size_t start = position_;
  while (IsDigit(Peek())) ++position_;
  return position_ - start;
}

Status JsonReader::Error(std::string_view what) const {
  if (position_ >= text_.size()) return InvalidArgument(StrCat("broken JSON: the file ends in the middle, ", what));
  return InvalidArgument(StrCat("broken JSON: ", what, ", at byte ", position_, " of ", text_.size()));
}

Status JsonReader::Another(char end, bool* first, bool* another) {
  char c = Next();
  *another = c != end;
  if (c == end) {
    ++position_;
  } else if (!*first) {
    if (c != ',') return Error(StrCat("want a comma or ", std::string_view(&end, 1)));
    ++position_;
  }
  *first = false;
  return {};
}

template <typename Item>
Status JsonReader::Items(char open, char close, std::string_view want, Item item) {
  if (Next() != open) return Error(StrCat("want ", want));
  ++position_;
  bool first = true;
  while (true) {
    bool another = true;
    TRIUNE_RETURN_IF_ERROR(Another(close, &first, &another));
    if (!another) return {};
    TRIUNE_RETURN_IF_ERROR(item());
  }
}

template <typename Item>
Status JsonReader::Nested(char open, char close, std::string_view want, Item item) {
  if (Next() == open && level_ >= kMostLevels) return Error("nested too deeply");
  ++level_;
  TRIUNE_RETURN_IF_ERROR(Items(open, close, want, item));
  --level_;
  return {};
}

Status JsonReader::Object(const std::function<Status(std::string_view key)>& member) {
  return Nested('{', '}', "an object", [&]() -> Status {
    std::string_view key;
    TRIUNE_RETURN_IF_ERROR(Text(&key));
    if (Next() != ':') return Error("want a colon");
    ++position_;
    return member(key);
  });
}

Status JsonReader::Array(const std::function<Status()>& item) { return Nested('[', ']', "an array", item); }

Status JsonReader::Integers(std::vector<int64_t>* values) {
  values->clear();
  return Items('[', ']', "an array of whole numbers", [&]() -> Status {
    int64_t value = 0;
    TRIUNE_RETURN_IF_ERROR(Integer(&value));
    values->push_back(value);
    return {};
  });
}

Status JsonReader::CountNumbers(size_t* count) {
  *count = 0;
  return Items('[', ']', "an array of numbers", [&]() -> Status {
    TRIUNE_RETURN_IF_ERROR(Number());
    ++*count;
    return {};
  });
}

Status JsonReader::Integer(int64_t* value) {
  // XGBoost 1.x wrote booleans for whether a missing value goes left.
  char c = Next();
  if (c == 't' || c == 'f') {
    *value = c == 't' ? 1 : 0;
    return Take("true") || Take("false") ? Status() : Error("want a whole number");
  }
  const char* start = text_.data() + position_;
  auto [end, error] = std::from_chars(start, text_.data() + text_.size(), *value);
  if (error != std::errc()) return Error("want a whole number");
  position_ += static_cast<size_t>(end - start);
  c = Peek();
  return c == '.' || c == 'e' || c == 'E' ? Error("want a whole number") : Status();
}

Status JsonReader::Number() {
  Next();
  if (Take("NaN") || Take("Infinity") || Take("-Infinity")) return {};
  if (Peek() == '-') ++position_;
  if (Digits() == 0) return Error("want a number");
  if (Peek() == '.') {
    ++position_;
    if (Digits() == 0) return Error("want a digit");
  }
  if (Peek() == 'e' || Peek() == 'E') {
    ++position_;
    if (Peek() == '-' || Peek() == '+') ++position_;
    if (Digits() == 0) return Error("want a digit");
  }
  return {};
}

Status JsonReader::Text(std::string_view* text) {
  if (Next() != '"') return Error("want a text");
  size_t start = ++position_;
  while (position_ < text_.size()) {
    char c = text_[position_];
    if (c == '"') {
      *text = text_.substr(start, position_ - start);
      ++position_;
      return {};
    }
    position_ += c == '\\' ? 2 : 1;
  }
  return Error("want the end of a text");
}

Status JsonReader::Skip() {
  switch (Next()) {
    case '{':
      return Object([this](std::string_view) { return Skip(); });
    case '[':
      return Array([this] { return Skip(); });
    case '"': {
      std::string_view text;
      return Text(&text);
    }
    case 't':
      return Take("true") ? Status() : Error("want a value");
    case 'f':
      return Take("false") ? Status() : Error("want a value");
    case 'n':
      return Take("null") ? Status() : Error("want a value");
    default:
      return Number();
  }
}

Status JsonReader::End() {
  Next();
  return position_ >= text_.size() ? Status() : Error("something follows the object");
}

}  // namespace triune::xgboost
