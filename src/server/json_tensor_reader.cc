#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "base/base64.h"
#include "base/strings.h"
#include "data/half.h"
#include "server/json_tensor.h"

namespace triune::server {
namespace {

using simdjson::ondemand::json_type;

// How each dtype is read: the C++ type it is stored as, and From(value).
template <typename T>
struct Integer {
  using Stored = T;
};
struct Boolean {
  using Stored = uint8_t;
};
struct Half {
  using Stored = uint16_t;
};
struct Brain {
  using Stored = uint16_t;
};
template <typename T>
struct Real {
  using Stored = T;
};
struct Bytes {};

/// The text of the value's first token, for messages and for the numbers that JSON does not have.
std::string_view TokenOf(simdjson::ondemand::value& value) {
  std::string_view token = value.raw_json_token();
  while (!token.empty() &&
         (token.back() == ' ' || token.back() == '\n' || token.back() == '\r' || token.back() == '\t')) {
    token.remove_suffix(1);
  }
  return token.substr(0, 40);
}

Status WrongElement(simdjson::ondemand::value& value, DType dtype, std::string_view want) {
  return InvalidArgument(StrCat("an element is not ", want, " (", DTypeName(dtype), "): got ", TokenOf(value)));
}

/// NaN, Infinity and -Infinity as Python writes them; null as NaN, which is what KServe's server makes of it.
bool ReadNotFinite(simdjson::ondemand::value& value, double* number) {
  std::string_view token = TokenOf(value);
  if (token == "NaN" || token == "null") {
    *number = std::numeric_limits<double>::quiet_NaN();
  } else if (token == "Infinity") {
    *number = std::numeric_limits<double>::infinity();
  } else if (token == "-Infinity") {
    *number = -std::numeric_limits<double>::infinity();
  } else {
    return false;
  }
  return true;
}

bool ReadDouble(simdjson::ondemand::value& value, double* number) {
  if (value.get_double().get(*number) == simdjson::SUCCESS) [[likely]]
    return true;
  return ReadNotFinite(value, number);
}

/// Rounds the decimal in the document once, to float. Going through double rounds twice, which differs only where the
/// double lies exactly between two floats.
bool ReadFloat(simdjson::ondemand::value& value, float* number) {
  std::string_view token = value.raw_json_token();
  double wide;
  if (!ReadDouble(value, &wide)) return false;
  *number = static_cast<float>(wide);
  constexpr uint64_t kBelowFloat = (uint64_t{1} << 29) - 1;
  constexpr uint64_t kHalfway = uint64_t{1} << 28;
  bool is_tiny = std::abs(wide) < 0x1p-125 && wide != 0;  // there floats have fewer digits
  if ((std::bit_cast<uint64_t>(wide) & kBelowFloat) == kHalfway || is_tiny) [[unlikely]] {
    float exact;
    if (std::from_chars(token.data(), token.data() + token.size(), exact).ec == std::errc()) *number = exact;
  }
  return std::isfinite(*number) || !std::isfinite(wide);
}

}  // namespace

Status JsonError(simdjson::error_code error) {
  if (error == simdjson::INCOMPLETE_ARRAY_OR_OBJECT) {
    return InvalidArgument("the JSON is malformed: it is cut short, or something follows its end");
  }
  return InvalidArgument(StrCat("the JSON is malformed: ", simdjson::error_message(error)));
}

void JsonTensorReader::Begin(DType dtype, size_t expected_elements) {
  dtype_ = dtype;
  size_t element = dtype == DType::kBytes ? 8 : DTypeSize(dtype);
  data_ = Buffer::Allocate(expected_elements * element);
  size_ = elements_ = 0;
  rows_ = 0;
  shape_.Clear();
  shape_known_ = depth_known_ = false;
  depth_ = 0;
}

std::byte* JsonTensorReader::Room(size_t bytes) {
  if (data_.size() - size_ < bytes) [[unlikely]] {
    Buffer bigger = Buffer::Allocate(std::max<size_t>({256, data_.size() * 2, size_ + bytes}));
    if (size_ > 0) std::memcpy(bigger.mutable_data(), data_.data(), size_);
    data_ = std::move(bigger);
  }
  return data_.mutable_data() + size_;
}

Buffer JsonTensorReader::Take() {
  data_.Truncate(std::exchange(size_, 0));
  return std::move(data_);
}

Status JsonTensorReader::ReadBase64(simdjson::ondemand::value& value) {
  simdjson::ondemand::object object;
  std::string_view text;
  if (value.get_object().get(object) != simdjson::SUCCESS ||
      object["b64"].get_string().get(text) != simdjson::SUCCESS) {
    return InvalidArgument("an element is an object, but not {\"b64\": \"...\"} (BYTES)");
  }
  return DecodeElement(text);
}

Status JsonTensorReader::DecodeElement(std::string_view text) {
  uint32_t length = 0;
  if (text.size() > std::numeric_limits<uint32_t>::max()) return InvalidArgument("a string is longer than 4 GiB");
  std::byte* room = Room(sizeof(length) + Base64Bound(text));
  auto size = DecodeBase64(text, room + sizeof(length));
  if (!size) return InvalidArgument("the value of 'b64' is not Base64");
  length = static_cast<uint32_t>(*size);
  std::memcpy(room, &length, sizeof(length));
  size_ += sizeof(length) + length;
  ++elements_;
  return {};
}

template <typename Element>
Status JsonTensorReader::ReadElement(simdjson::ondemand::value& value) {
  if constexpr (std::is_same_v<Element, Bytes>) {
    std::string_view text;
    if (value.get_string().get(text) != simdjson::SUCCESS) {
      json_type type;
      if (value.type().get(type) == simdjson::SUCCESS && type == json_type::object)
        return ReadBase64(value);  // as TensorFlow Serving takes them
      return WrongElement(value, dtype_, "a string");
    }
    if (text.size() > std::numeric_limits<uint32_t>::max()) return InvalidArgument("a string is longer than 4 GiB");
    auto length = static_cast<uint32_t>(text.size());
    std::byte* room = Room(sizeof(length) + text.size());
    std::memcpy(room, &length, sizeof(length));
    std::memcpy(room + sizeof(length), text.data(), text.size());
    size_ += sizeof(length) + text.size();
  } else {
    using Stored = typename Element::Stored;
    Stored stored;
    if constexpr (std::is_same_v<Element, Boolean>) {
      bool truth;
      uint64_t number;
      if (value.get_bool().get(truth) == simdjson::SUCCESS) {
        stored = truth;
      } else if (value.get_uint64().get(number) == simdjson::SUCCESS && number <= 1) {
        stored = static_cast<uint8_t>(number);
      } else {
        return WrongElement(value, dtype_, "true or false");
      }
    } else if constexpr (std::is_same_v<Element, Half>) {
      double number;
      if (!ReadDouble(value, &number)) return WrongElement(value, dtype_, "a number");
      stored = DoubleToHalf(number);
      if (std::isfinite(number) && !std::isfinite(HalfToFloat(stored))) {
        return WrongElement(value, dtype_, "in the range of its type");
      }
    } else if constexpr (std::is_same_v<Element, Brain>) {
      float number;
      if (!ReadFloat(value, &number)) return WrongElement(value, dtype_, "a number in the range of its type");
      stored = FloatToBf16(number);
    } else if constexpr (std::is_same_v<Element, Real<float>>) {
      if (!ReadFloat(value, &stored)) return WrongElement(value, dtype_, "a number in the range of its type");
    } else if constexpr (std::is_same_v<Element, Real<double>>) {
      if (!ReadDouble(value, &stored)) return WrongElement(value, dtype_, "a number in the range of its type");
    } else if constexpr (std::is_same_v<Element, Integer<uint64_t>>) {
      if (value.get_uint64().get(stored) != simdjson::SUCCESS) {
        return WrongElement(value, dtype_, "an integer in the range of its type");
      }
    } else {
      int64_t number;
      if (value.get_int64().get(number) != simdjson::SUCCESS || number < std::numeric_limits<Stored>::min() ||
          number > int64_t{std::numeric_limits<Stored>::max()}) {
        return WrongElement(value, dtype_, "an integer in the range of its type");
      }
      stored = static_cast<Stored>(number);
    }
    std::memcpy(Room(sizeof(stored)), &stored, sizeof(stored));
    size_ += sizeof(stored);
  }
  ++elements_;
  return {};
}

Status JsonTensorReader::EndOfArray(size_t depth, int64_t count) {
  if (found_[depth] == -1) {
    found_[depth] = count;
  } else if (found_[depth] != count) {
    return InvalidArgument(StrCat("the arrays are ragged: at depth ", depth + 1, " one has ", count,
                                  " elements, one before it ", found_[depth]));
  }
  return {};
}

template <typename Element>
Status JsonTensorReader::ReadArray(simdjson::ondemand::array array, size_t depth) {
  if (depth >= Shape::kMaxRank) return InvalidArgument(StrCat("the arrays are nested deeper than ", Shape::kMaxRank));
  int64_t count = 0;
  for (auto item : array) {
    simdjson::ondemand::value value;
    if (auto error = item.get(value)) return JsonError(error);
    // Once the depth of the elements is known, an array at that depth holds nothing but elements.
    if (depth_known_ && depth_ == depth + 1) [[likely]] {
      TRIUNE_RETURN_IF_ERROR(ReadElement<Element>(value));
    } else {
      TRIUNE_RETURN_IF_ERROR(ReadValue<Element>(value, depth + 1));
    }
    ++count;
  }
  return EndOfArray(depth, count);
}

template <typename Element>
Status JsonTensorReader::ReadValue(simdjson::ondemand::value value, size_t depth) {
  json_type type;
  if (value.type().get(type) == simdjson::SUCCESS && type == json_type::array) {
    if (depth_known_ && depth >= depth_)
      return InvalidArgument("the arrays are ragged: an array stands beside an element");
    simdjson::ondemand::array array;
    if (auto error = value.get_array().get(array)) return JsonError(error);
    return ReadArray<Element>(array, depth);
  }
  if (depth_known_ && depth != depth_)
    return InvalidArgument("the arrays are ragged: an element stands beside an array");
  depth_known_ = true;
  depth_ = depth;
  return ReadElement<Element>(value);
}

Status JsonTensorReader::AppendDispatch(simdjson::ondemand::value value) {
  switch (dtype_) {
    case DType::kBool:
      return ReadValue<Boolean>(value, 0);
    case DType::kUint8:
      return ReadValue<Integer<uint8_t>>(value, 0);
    case DType::kUint16:
      return ReadValue<Integer<uint16_t>>(value, 0);
    case DType::kUint32:
      return ReadValue<Integer<uint32_t>>(value, 0);
    case DType::kUint64:
      return ReadValue<Integer<uint64_t>>(value, 0);
    case DType::kInt8:
      return ReadValue<Integer<int8_t>>(value, 0);
    case DType::kInt16:
      return ReadValue<Integer<int16_t>>(value, 0);
    case DType::kInt32:
      return ReadValue<Integer<int32_t>>(value, 0);
    case DType::kInt64:
      return ReadValue<Integer<int64_t>>(value, 0);
    case DType::kFp16:
      return ReadValue<Half>(value, 0);
    case DType::kFp32:
      return ReadValue<Real<float>>(value, 0);
    case DType::kFp64:
      return ReadValue<Real<double>>(value, 0);
    case DType::kBytes:
      return ReadValue<Bytes>(value, 0);
    case DType::kBf16:
      return ReadValue<Brain>(value, 0);
  }
  return Internal("a dtype without a reader");
}

Status JsonTensorReader::Append(simdjson::ondemand::value value) {
  if (rows_ == 0) found_.fill(-1);
  TRIUNE_RETURN_IF_ERROR(AppendDispatch(value));
  EndOfRow();
  return {};
}

Status JsonTensorReader::AppendBase64(std::string_view text) {
  if (rows_ == 0) found_.fill(-1);
  if (depth_known_ && depth_ != 0) return InvalidArgument("the arrays are ragged: an element stands beside an array");
  depth_known_ = true;
  depth_ = 0;
  TRIUNE_RETURN_IF_ERROR(DecodeElement(text));
  EndOfRow();
  return {};
}

void JsonTensorReader::EndOfRow() {
  ++rows_;
  if (!shape_known_) {
    shape_known_ = true;
    // Without any element (only empty arrays), the depth is that of the innermost array.
    for (size_t i = 0; i < Shape::kMaxRank && found_[i] != -1 && (!depth_known_ || i < depth_); ++i)
      shape_.Append(found_[i]);
  }
}

}  // namespace triune::server
