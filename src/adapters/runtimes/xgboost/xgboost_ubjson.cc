#include "adapters/runtimes/xgboost/xgboost_ubjson.h"

#include <cstdint>
#include <optional>

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

/// Walks over values without keeping them. Each function is at the first byte of what it reads.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) {}

  Status Document() {
    if (Peek() != '{') return Error("no object");
    ++position_;
    TRIUNE_RETURN_IF_ERROR(Object(1));
    return position_ == text_.size() ? Status() : Error("something follows the object");
  }

 private:
  Status Value(int level) {
    char marker = Peek();
    if (AtEnd()) return Error("the file ends in the middle");
    ++position_;
    return ValueOf(marker, level);
  }

  Status ValueOf(char marker, int level) {
    if (std::optional<size_t> size = FixedSize(marker)) return Skip(*size);
    if (level >= kMostLevels) return Error("nested too deeply");
    switch (marker) {
      case 'S':
      case 'H':
        return Text();
      case '{':
        return Object(level + 1);
      case '[':
        return Array(level + 1);
      default:
        --position_;
        return Error("no value begins so");
    }
  }

  Status Object(int level) {
    while (Peek() != '}') {
      if (AtEnd()) return Error("the file ends in the middle");
      TRIUNE_RETURN_IF_ERROR(Text());  // the key
      TRIUNE_RETURN_IF_ERROR(Value(level));
    }
    ++position_;
    return {};
  }

  /// [values], [#COUNT values, or [$TYPE#COUNT and the bytes of the values.
  Status Array(int level) {
    char type = 0;
    if (Peek() == '$') {
      TRIUNE_RETURN_IF_ERROR(Skip(1));
      if (AtEnd()) return Error("the file ends in the middle");
      type = text_[position_++];
      if (Peek() != '#') return Error("an array of one type lacks its count");
    }
    if (Peek() != '#') {
      while (Peek() != ']') TRIUNE_RETURN_IF_ERROR(Value(level));
      ++position_;
      return {};
    }
    ++position_;
    TRIUNE_ASSIGN_OR_RETURN(size_t count, Length());
    if (std::optional<size_t> size = FixedSize(type); type != 0 && size && *size > 0) {
      if (count > (text_.size() - position_) / *size) return Error("an array is longer than the file");
      return Skip(count * *size);
    }
    // Each value has a byte at least, so that a count that lies ends with the file.
    for (size_t i = 0; i < count; ++i) {
      TRIUNE_RETURN_IF_ERROR(type != 0 && !FixedSize(type) ? ValueOf(type, level) : Value(level));
    }
    return {};
  }

  Status Text() {
    TRIUNE_ASSIGN_OR_RETURN(size_t length, Length());
    return Skip(length);
  }

  /// A number of bytes or values: any integer, big-endian.
  Result<size_t> Length() {
    char marker = Peek();
    std::optional<size_t> size = FixedSize(marker);
    bool integer = size && (marker == 'i' || marker == 'U' || marker == 'I' || marker == 'l' || marker == 'L');
    if (!integer) return Error("no length");
    ++position_;
    if (text_.size() - position_ < *size) return Error("the file ends in the middle");
    uint64_t value = 0;
    for (size_t i = 0; i < *size; ++i) value = value << 8U | static_cast<unsigned char>(text_[position_ + i]);
    bool negative = marker != 'U' && (value >> (*size * 8 - 1)) != 0;
    if (negative) return Error("a length is negative");
    position_ += *size;
    return static_cast<size_t>(value);
  }

  Status Skip(size_t count) {
    if (text_.size() - position_ < count) return Error("the file ends in the middle");
    position_ += count;
    return {};
  }

  bool AtEnd() const { return position_ >= text_.size(); }
  char Peek() const { return AtEnd() ? '\0' : text_[position_]; }
  Status Error(std::string_view what) const {
    return InvalidArgument(StrCat("broken UBJSON: ", what, ", at byte ", position_, " of ", text_.size()));
  }

  std::string_view text_;
  size_t position_ = 0;
};

}  // namespace

bool IsUbjson(std::string_view text) {
  return text.starts_with('{') && text.size() > 1 && std::string_view("\"} \t\r\n").find(text[1]) == text.npos;
}

Status CheckUbjson(std::string_view text) { return Walker(text).Document(); }

}  // namespace triune::xgboost
