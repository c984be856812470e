#include "adapters/runtimes/xgboost/xgboost_ubjson.h"

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/strings.h"

namespace triune::xgboost {
namespace {

constexpr int kMostLevels = 64;

/// Bytes of a value of fixed size, by its marker.
std::optional<size_t> FixedSize(char marker) {
  switch (marker) {
    case 'Z':
    case 'N':
    case 'T':
    case 'F':
      return 0;
    case 'i':
    case 'U':
    case 'C':
      return 1;
    case 'I':
      return 2;
    case 'l':
    case 'd':
      return 4;
    case 'L':
    case 'D':
      return 8;
    default:
      return std::nullopt;
  }
}

bool IsInteger(char marker) { return marker != 0 && std::string_view("iUIlL").find(marker) != std::string_view::npos; }
bool IsNumber(char marker) { return IsInteger(marker) || marker == 'd' || marker == 'D'; }

/// Big-endian integers of one type, one after another.
template <typename T>
void DecodeAll(const char* bytes, size_t count, int64_t* values) {
  for (size_t i = 0; i < count; ++i) {
    std::make_unsigned_t<T> value = 0;
    std::memcpy(&value, bytes + i * sizeof(T), sizeof(T));
    if constexpr (sizeof(T) == 2) value = __builtin_bswap16(value);
    if constexpr (sizeof(T) == 4) value = __builtin_bswap32(value);
    if constexpr (sizeof(T) == 8) value = __builtin_bswap64(value);
    if constexpr (std::is_same_v<T, int8_t>) {
      values[i] = value < 128 ? value : value - 256;
    } else {
      values[i] = static_cast<T>(value);
    }
  }
}

/// `bytes` are as many as `count` of these have.
void DecodeIntegers(char marker, const char* bytes, size_t count, int64_t* values) {
  switch (marker) {
    case 'i':
      return DecodeAll<int8_t>(bytes, count, values);
    case 'U':
      return DecodeAll<uint8_t>(bytes, count, values);
    case 'I':
      return DecodeAll<int16_t>(bytes, count, values);
    case 'l':
      return DecodeAll<int32_t>(bytes, count, values);
    default:  // 'L'
      return DecodeAll<int64_t>(bytes, count, values);
  }
}

}  // namespace

Status UbjsonReader::Error(std::string_view what) const {
  return InvalidArgument(StrCat("broken UBJSON: ", what, ", at byte ", position_, " of ", text_.size()));
}

Status UbjsonReader::Advance(size_t count) {
  if (text_.size() - position_ < count) return Error("the file ends in the middle");
  position_ += count;
  return {};
}

Result<char> UbjsonReader::Marker() {
  if (position_ >= text_.size()) return Error("the file ends in the middle");
  return text_[position_++];
}

Result<size_t> UbjsonReader::Length() {
  char marker = Peek();
  if (!IsInteger(marker)) return Error("no length");
  int64_t value = 0;
  TRIUNE_RETURN_IF_ERROR(Integer(&value));
  if (value < 0) return Error("a length is negative");
  return static_cast<size_t>(value);
}

Result<std::string_view> UbjsonReader::LengthAndBytes() {
  TRIUNE_ASSIGN_OR_RETURN(size_t length, Length());
  size_t start = position_;
  TRIUNE_RETURN_IF_ERROR(Advance(length));
  return text_.substr(start, length);
}

Status UbjsonReader::Object(const std::function<Status(std::string_view key)>& member) {
  if (Peek() != '{') return Error("no object");
  if (level_ >= kMostLevels) return Error("nested too deeply");
  ++level_;
  ++position_;
  while (Peek() != '}') {
    if (position_ >= text_.size()) return Error("the file ends in the middle");
    TRIUNE_ASSIGN_OR_RETURN(std::string_view key, LengthAndBytes());
    TRIUNE_RETURN_IF_ERROR(member(key));
  }
  ++position_;
  --level_;
  return {};
}

/// [values], [#COUNT values, or [$TYPE#COUNT and the bytes of the values.
Result<UbjsonReader::ArrayHead> UbjsonReader::ReadArrayHead() {
  if (Peek() != '[') return Error("no array");
  ++position_;
  ArrayHead head;
  if (Peek() == '$') {
    ++position_;
    TRIUNE_ASSIGN_OR_RETURN(head.type, Marker());
    if (Peek() != '#') return Error("an array of one type lacks its count");
  }
  if (Peek() != '#') return head;
  ++position_;
  TRIUNE_ASSIGN_OR_RETURN(head.count, Length());
  size_t size = FixedSize(head.type).value_or(1);
  // Any other value has a byte at least.
  if (*head.count > (text_.size() - position_) / (size == 0 ? 1 : size)) {
    return Error("an array is longer than the file");
  }
  return head;
}

Status UbjsonReader::Items(const ArrayHead& head, const std::function<Status()>& item) {
  if (head.count) {
    for (size_t i = 0; i < *head.count; ++i) TRIUNE_RETURN_IF_ERROR(item());
    return {};
  }
  while (Peek() != ']') TRIUNE_RETURN_IF_ERROR(item());
  ++position_;
  return {};
}

Status UbjsonReader::Array(const std::function<Status()>& item) {
  TRIUNE_ASSIGN_OR_RETURN(ArrayHead head, ReadArrayHead());
  if (head.type != 0) return Error("want values with a marker each");
  if (level_ >= kMostLevels) return Error("nested too deeply");
  ++level_;
  TRIUNE_RETURN_IF_ERROR(Items(head, item));
  --level_;
  return {};
}

Status UbjsonReader::Integers(std::vector<int64_t>* values) {
  values->clear();
  TRIUNE_ASSIGN_OR_RETURN(ArrayHead head, ReadArrayHead());
  if (head.type == 0) {
    return Items(head, [&]() -> Status { return Integer(&values->emplace_back()); });
  }
  if (!IsInteger(head.type)) return Error("want an array of whole numbers");
  size_t size = *FixedSize(head.type);
  const char* bytes = text_.data() + position_;
  values->resize(*head.count);
  DecodeIntegers(head.type, bytes, *head.count, values->data());
  return Advance(*head.count * size);
}

Status UbjsonReader::CountNumbers(size_t* count) {
  *count = 0;
  TRIUNE_ASSIGN_OR_RETURN(ArrayHead head, ReadArrayHead());
  if (head.type == 0) {
    return Items(head, [&]() -> Status {
      if (!IsNumber(Peek())) return Error("want a number");
      ++*count;
      return Skip();
    });
  }
  if (!IsNumber(head.type)) return Error("want an array of numbers");
  *count = *head.count;
  return Advance(*head.count * *FixedSize(head.type));
}

Status UbjsonReader::Integer(int64_t* value) {
  TRIUNE_ASSIGN_OR_RETURN(char marker, Marker());
  if (marker == 'T' || marker == 'F') {
    *value = marker == 'T' ? 1 : 0;
    return {};
  }
  if (!IsInteger(marker)) return Error("want a whole number");
  const char* bytes = text_.data() + position_;
  TRIUNE_RETURN_IF_ERROR(Advance(*FixedSize(marker)));
  DecodeIntegers(marker, bytes, 1, value);
  return {};
}

Status UbjsonReader::Text(std::string_view* text) {
  if (Peek() != 'S') return Error("want a text");
  ++position_;
  TRIUNE_ASSIGN_OR_RETURN(*text, LengthAndBytes());
  return {};
}

Status UbjsonReader::Skip() {
  switch (Peek()) {
    case '{':
      return Object([this](std::string_view) { return Skip(); });
    case '[':
      break;
    default: {
      TRIUNE_ASSIGN_OR_RETURN(char marker, Marker());
      return SkipOf(marker);
    }
  }
  TRIUNE_ASSIGN_OR_RETURN(ArrayHead head, ReadArrayHead());
  if (level_ >= kMostLevels) return Error("nested too deeply");
  ++level_;
  Status status;
  if (head.type == 0) {
    status = Items(head, [this] { return Skip(); });
  } else if (std::optional<size_t> size = FixedSize(head.type)) {
    status = Advance(*head.count * *size);
  } else {
    status = Items(head, [&] { return SkipOf(head.type); });
  }
  --level_;
  return status;
}

Status UbjsonReader::SkipOf(char marker) {
  if (std::optional<size_t> size = FixedSize(marker)) return Advance(*size);
  if (marker == 'S' || marker == 'H') return LengthAndBytes().status();
  --position_;
  return Error("no value begins so");
}

Status UbjsonReader::End() { return position_ == text_.size() ? Status() : Error("something follows the object"); }

bool IsUbjson(std::string_view text) {
  return text.starts_with('{') && text.size() > 1 && std::string_view("\"} \t\r\n").find(text[1]) == text.npos;
}

}  // namespace triune::xgboost
