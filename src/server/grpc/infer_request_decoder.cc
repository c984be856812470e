#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/impl/codegen/proto_buffer_reader.h>
#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

#include "base/strings.h"
#include "server/grpc/infer_codec.h"

namespace triune::server::grpc_api {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr size_t kMostTensors = 1024;

Status Malformed() { return InvalidArgument("the message is malformed: it is not a ModelInferRequest"); }

// CodedInputStream is more lenient than protobuf's own parser, and the same bytes should not mean two things: tags and
// lengths longer than five bytes, fields numbered 0 and groups, which proto3 does not have, are malformed.

constexpr int kMostBytesOf32Bits = 5;
/// Of a wire type that there is not.
constexpr uint32_t kBadTag = 7;

/// 0 at the end of the message.
uint32_t NextTag(CodedInputStream& in) {
  int before = in.CurrentPosition();
  uint32_t tag = in.ReadTag();
  int length = in.CurrentPosition() - before;
  bool is_end = tag == 0 && length == 0 && in.BytesUntilLimit() <= 0;
  return (tag == 0 && !is_end) || length > kMostBytesOf32Bits ? kBadTag : tag;
}

bool ReadShortVarint(CodedInputStream& in, uint32_t* value) {
  int before = in.CurrentPosition();
  uint64_t wide;
  if (!in.ReadVarint64(&wide) || in.CurrentPosition() - before > kMostBytesOf32Bits) return false;
  *value = static_cast<uint32_t>(wide);
  return wide <= std::numeric_limits<uint32_t>::max();
}

/// Skips a field that is not known.
bool Skip(CodedInputStream& in, uint32_t tag) {
  uint64_t wide;
  uint32_t narrow;
  if (WireFormatLite::GetTagFieldNumber(tag) == 0) return false;
  switch (WireFormatLite::GetTagWireType(tag)) {
    case WireFormatLite::WIRETYPE_VARINT:
      return in.ReadVarint64(&wide);
    case WireFormatLite::WIRETYPE_FIXED64:
      return in.ReadLittleEndian64(&wide);
    case WireFormatLite::WIRETYPE_LENGTH_DELIMITED:
      return ReadShortVarint(in, &narrow) && narrow <= static_cast<uint32_t>(std::numeric_limits<int>::max()) &&
             in.Skip(static_cast<int>(narrow));
    case WireFormatLite::WIRETYPE_FIXED32:
      return in.ReadLittleEndian32(&narrow);
    default:
      return false;
  }
}

/// The tag of a length-delimited field.
constexpr uint32_t Tag(uint32_t field) { return field << 3U | 2U; }

/// The typed field that holds elements of each dtype, by number in InferTensorContents; 0: none, only raw.
int ContentsField(DType dtype) {
  switch (dtype) {
    case DType::kBool:
      return 1;
    case DType::kInt8:
    case DType::kInt16:
    case DType::kInt32:
      return 2;
    case DType::kInt64:
      return 3;
    case DType::kUint8:
    case DType::kUint16:
    case DType::kUint32:
      return 4;
    case DType::kUint64:
      return 5;
    case DType::kFp32:
      return 6;
    case DType::kFp64:
      return 7;
    case DType::kBytes:
      return 8;
    case DType::kFp16:
    case DType::kBf16:
      return 0;
  }
  return 0;
}

std::string_view ContentsFieldName(int field) {
  static constexpr std::string_view kNames[] = {"raw_input_contents", "bool_contents", "int_contents",
                                                "int64_contents",     "uint_contents", "uint64_contents",
                                                "fp32_contents",      "fp64_contents", "bytes_contents"};
  return field >= 0 && field <= 8 ? kNames[field] : "an unknown field";
}

/// How one element of a typed field stands outside a packed run.
WireFormatLite::WireType ElementWireType(int field) {
  switch (field) {
    case 6:
      return WireFormatLite::WIRETYPE_FIXED32;
    case 7:
      return WireFormatLite::WIRETYPE_FIXED64;
    case 8:
      return WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
    default:
      return WireFormatLite::WIRETYPE_VARINT;
  }
}

/// Collects elements of one dtype.
class ElementWriter {
 public:
  ElementWriter(DType dtype, size_t expected)
      : dtype_(dtype), data_(Buffer::Allocate(expected * std::max<size_t>(DTypeSize(dtype), 8))) {}

  /// For integers and booleans; false when out of the dtype's range.
  bool AppendInteger(uint64_t bits) {
    auto value = static_cast<int64_t>(bits);
    switch (dtype_) {
      case DType::kBool:
        return Put(static_cast<uint8_t>(bits != 0));
      case DType::kInt8:
        return PutInRange<int8_t>(value);
      case DType::kInt16:
        return PutInRange<int16_t>(value);
      case DType::kInt32:
        return PutInRange<int32_t>(value);
      case DType::kInt64:
        return Put(value);
      case DType::kUint8:
        return PutInRange<uint8_t>(value);
      case DType::kUint16:
        return PutInRange<uint16_t>(value);
      case DType::kUint32:
        return PutInRange<uint32_t>(value);
      case DType::kUint64:
        return Put(bits);
      default:
        return false;
    }
  }
  template <typename T>
  bool Put(T value) {
    std::memcpy(Room(sizeof(value)), &value, sizeof(value));
    size_ += sizeof(value);
    return true;
  }
  std::byte* Room(size_t bytes) {
    if (data_.size() - size_ < bytes) {
      Buffer bigger = Buffer::Allocate(std::max(data_.size() * 2, size_ + bytes));
      if (size_ > 0) std::memcpy(bigger.mutable_data(), data_.data(), size_);
      data_ = std::move(bigger);
    }
    return data_.mutable_data() + size_;
  }
  void Advance(size_t bytes) { size_ += bytes; }
  Buffer Take() {
    data_.Truncate(size_);
    return std::move(data_);
  }

 private:
  template <typename T>
  bool PutInRange(int64_t value) {
    if (value < int64_t{std::numeric_limits<T>::min()} || value > int64_t{std::numeric_limits<T>::max()}) return false;
    return Put(static_cast<T>(value));
  }

  const DType dtype_;
  Buffer data_;
  size_t size_ = 0;
};

/// What a decoder needs for the time of one request. Kept by the thread: a request allocates none of it.
struct Scratch {
  std::vector<Buffer> raw;
  std::vector<bool> has_contents;
  std::string dtype;

  void Clear() {
    raw.clear();
    has_contents.clear();
  }
};

class Decoder {
 public:
  Decoder(CodedInputStream& in, size_t size, model::InferenceRequest& request, Scratch& scratch)
      : in_(in),
        size_(size),
        request_(request),
        raw_(scratch.raw),
        has_contents_(scratch.has_contents),
        dtype_(scratch.dtype) {}

  Status Decode(Contents* contents) {
    while (uint32_t tag = NextTag(in_)) {
      switch (tag) {
        case Tag(1):
          TRIUNE_RETURN_IF_ERROR(ReadText(request_.model_name));
          break;
        case Tag(2):
          TRIUNE_RETURN_IF_ERROR(ReadText(request_.model_version));
          break;
        case Tag(3):
          TRIUNE_RETURN_IF_ERROR(ReadText(request_.id));
          break;
        case Tag(4):
          TRIUNE_RETURN_IF_ERROR(ReadMessage([this] { return ReadRequestParameter(); }));
          break;
        case Tag(5):
          TRIUNE_RETURN_IF_ERROR(ReadMessage([this] { return ReadInput(); }));
          break;
        case Tag(6):
          TRIUNE_RETURN_IF_ERROR(ReadMessage([this] { return ReadOutput(); }));
          break;
        case Tag(7):
          TRIUNE_RETURN_IF_ERROR(ReadRaw());
          break;
        default:
          if (!Skip(in_, tag)) return Malformed();
      }
    }
    if (!in_.ConsumedEntireMessage()) return Malformed();
    return Join(contents);
  }

 private:
  /// The length of a length-delimited field, no longer than what is left of the message.
  bool ReadLength(size_t* length) {
    uint32_t value;
    if (!ReadShortVarint(in_, &value) || value > Left()) return false;
    *length = value;
    return true;
  }
  size_t Left() const {
    int limit = in_.BytesUntilLimit();
    size_t in_message = size_ - static_cast<size_t>(in_.CurrentPosition());
    return limit < 0 ? in_message : std::min(in_message, static_cast<size_t>(limit));
  }

  Status ReadBytes(std::string& bytes) {
    size_t length;
    if (!ReadLength(&length) || !in_.ReadString(&bytes, static_cast<int>(length))) return Malformed();
    return {};
  }

  /// A field of type string, which must be UTF-8.
  Status ReadText(std::string& text) {
    TRIUNE_RETURN_IF_ERROR(ReadBytes(text));
    return simdjson::validate_utf8(text) ? Status() : Malformed();
  }

  template <typename Read>
  Status ReadMessage(Read read) {
    size_t length;
    if (!ReadLength(&length)) return Malformed();
    auto outer = in_.PushLimit(static_cast<int>(length));
    TRIUNE_RETURN_IF_ERROR(read());
    if (in_.BytesUntilLimit() != 0) return Malformed();
    in_.PopLimit(outer);
    return {};
  }

  /// An InferParameter in a map entry: calls use(key, value).
  template <typename Use>
  Status ReadMapEntry(Use use) {
    std::string key;
    std::optional<model::Parameter::Value> value;
    while (uint32_t tag = NextTag(in_)) {
      if (tag == Tag(1)) {
        TRIUNE_RETURN_IF_ERROR(ReadText(key));
      } else if (tag == Tag(2)) {
        TRIUNE_RETURN_IF_ERROR(ReadMessage([&] { return ReadParameterValue(value); }));
      } else if (!Skip(in_, tag)) {
        return Malformed();
      }
    }
    if (value) use(std::move(key), *std::move(value));
    return {};
  }

  Status ReadParameterValue(std::optional<model::Parameter::Value>& value) {
    while (uint32_t tag = NextTag(in_)) {
      uint64_t bits;
      switch (tag) {
        case 1U << 3U:
          if (!in_.ReadVarint64(&bits)) return Malformed();
          value = bits != 0;
          break;
        case 2U << 3U:
        case 5U << 3U:
          if (!in_.ReadVarint64(&bits)) return Malformed();
          value = static_cast<int64_t>(bits);
          break;
        case Tag(3): {
          std::string text;
          TRIUNE_RETURN_IF_ERROR(ReadText(text));
          value = std::move(text);
          break;
        }
        case 4U << 3U | 1U: {
          if (!in_.ReadLittleEndian64(&bits)) return Malformed();
          value = WireFormatLite::DecodeDouble(bits);
          break;
        }
        default:
          if (!Skip(in_, tag)) return Malformed();
      }
    }
    return {};
  }

  Status ReadRequestParameter() {
    return ReadMapEntry([this](std::string key, model::Parameter::Value value) {
      model::Parameter& parameter = request_.parameters.Add();
      parameter.key = std::move(key);
      parameter.value = std::move(value);
    });
  }

  Status ReadInput() {
    if (request_.inputs.size() == kMostTensors)
      return InvalidArgument(StrCat("there are more than ", kMostTensors, " inputs"));
    size_t index = request_.inputs.size();
    Tensor& tensor = request_.inputs.Add();
    bool has_dtype = false;
    std::optional<std::string> unread;  // contents that came before the datatype
    has_contents_.push_back(false);
    while (uint32_t tag = NextTag(in_)) {
      switch (tag) {
        case Tag(1):
          TRIUNE_RETURN_IF_ERROR(ReadText(tensor.name));
          break;
        case Tag(2):
          if (has_dtype)
            return InvalidArgument(StrCat("input ", Quoted(tensor.name), ": field 'datatype' is given twice"));
          TRIUNE_RETURN_IF_ERROR(ReadDType(tensor));
          has_dtype = true;
          break;
        case 3U << 3U: {
          uint64_t dim;
          if (!in_.ReadVarint64(&dim)) return Malformed();
          TRIUNE_RETURN_IF_ERROR(AddDim(tensor, static_cast<int64_t>(dim)));
          break;
        }
        case Tag(3):
          TRIUNE_RETURN_IF_ERROR(ReadMessage([&] { return ReadPackedDims(tensor); }));
          break;
        case Tag(4):
          TRIUNE_RETURN_IF_ERROR(ReadMessage([&] {
            return ReadMapEntry([&](const std::string& key, const model::Parameter::Value&) {
              uses_shared_memory_ = uses_shared_memory_ || key == "shared_memory_region";
            });
          }));
          break;
        case Tag(5):
          if (has_contents_.back())
            return InvalidArgument(StrCat("input ", Quoted(tensor.name), ": field 'contents' is given twice"));
          has_contents_.back() = true;
          if (has_dtype) {
            TRIUNE_RETURN_IF_ERROR(ReadMessage([&] { return ReadContents(in_, tensor); }));
          } else {
            TRIUNE_RETURN_IF_ERROR(ReadBytes(unread.emplace()));
          }
          break;
        default:
          if (!Skip(in_, tag)) return Malformed();
      }
    }
    if (!has_dtype) {
      return InvalidArgument(
          StrCat(tensor.name.empty() ? StrCat("inputs[", index, "]") : StrCat("input ", Quoted(tensor.name)),
                 ": field 'datatype' is missing"));
    }
    if (uses_shared_memory_) return Unimplemented("shared memory regions are not supported");
    if (unread) {
      CodedInputStream part(reinterpret_cast<const uint8_t*>(unread->data()), static_cast<int>(unread->size()));
      TRIUNE_RETURN_IF_ERROR(ReadContents(part, tensor));
    }
    return {};
  }

  Status ReadDType(Tensor& tensor) {
    TRIUNE_RETURN_IF_ERROR(ReadText(dtype_));
    auto dtype = ParseDType(dtype_);
    if (!dtype)
      return InvalidArgument(
          StrCat("input ", Quoted(tensor.name), ": unknown datatype: got '", dtype_.substr(0, 40), "'"));
    tensor.dtype = *dtype;
    return {};
  }

  static Status AddDim(Tensor& tensor, int64_t dim) {
    if (dim < 0)
      return InvalidArgument(StrCat("input ", Quoted(tensor.name), ": shape has a negative dimension: got ", dim));
    if (tensor.shape.Append(dim)) return {};
    return InvalidArgument(
        StrCat("input ", Quoted(tensor.name), ": shape has more than ", Shape::kMaxRank, " dimensions"));
  }

  Status ReadPackedDims(Tensor& tensor) {
    while (in_.BytesUntilLimit() > 0) {
      uint64_t dim;
      if (!in_.ReadVarint64(&dim)) return Malformed();
      TRIUNE_RETURN_IF_ERROR(AddDim(tensor, static_cast<int64_t>(dim)));
    }
    return {};
  }

  /// An InferTensorContents of which `in` holds the rest.
  Status ReadContents(CodedInputStream& in, Tensor& tensor) {
    int want = ContentsField(tensor.dtype);
    auto count = tensor.shape.ElementCount();
    // A hint only, and never more than the message could hold.
    ElementWriter writer(tensor.dtype,
                         std::min(static_cast<size_t>(std::max<int64_t>(count.value_or(0), 0)), Left() + 1));
    while (uint32_t tag = NextTag(in)) {
      int field = WireFormatLite::GetTagFieldNumber(tag);
      if (field < 1 || field > 8) {
        if (!Skip(in, tag)) return Malformed();
        continue;
      }
      auto wire_type = WireFormatLite::GetTagWireType(tag);
      if (wire_type != WireFormatLite::WIRETYPE_LENGTH_DELIMITED && wire_type != ElementWireType(field))
        return Malformed();
      if (field != want) {
        return InvalidArgument(StrCat("input ", Quoted(tensor.name), ": ", DTypeName(tensor.dtype), " data came in ",
                                      ContentsFieldName(field), ", want ", ContentsFieldName(want)));
      }
      TRIUNE_RETURN_IF_ERROR(ReadElements(in, tag, tensor, writer));
    }
    tensor.data = writer.Take();
    return {};
  }

  /// A length, no longer than the message and what contains it.
  bool ReadLengthOf(CodedInputStream& in, uint32_t* length) const {
    if (!ReadShortVarint(in, length) || *length > size_) return false;
    int limit = in.BytesUntilLimit();
    return limit < 0 || *length <= static_cast<uint32_t>(limit);
  }

  Status ReadElements(CodedInputStream& in, uint32_t tag, const Tensor& tensor, ElementWriter& writer) {
    if (tensor.dtype == DType::kBytes) {
      uint32_t length;
      if (!ReadLengthOf(in, &length)) return Malformed();
      writer.Put(length);
      if (!in.ReadRaw(writer.Room(length), static_cast<int>(length))) return Malformed();
      writer.Advance(length);
      return {};
    }
    if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED)
      return ReadElement(in, tensor, writer);
    uint32_t length;
    if (!ReadLengthOf(in, &length)) return Malformed();
    if (tensor.dtype == DType::kFp32 || tensor.dtype == DType::kFp64) {
      // On the wire as in memory: little-endian, one after another.
      if (length % DTypeSize(tensor.dtype) != 0 || !in.ReadRaw(writer.Room(length), static_cast<int>(length)))
        return Malformed();
      writer.Advance(length);
      return {};
    }
    auto outer = in.PushLimit(static_cast<int>(length));
    while (in.BytesUntilLimit() > 0) TRIUNE_RETURN_IF_ERROR(ReadElement(in, tensor, writer));
    if (in.BytesUntilLimit() != 0) return Malformed();
    in.PopLimit(outer);
    return {};
  }

  static Status ReadElement(CodedInputStream& in, const Tensor& tensor, ElementWriter& writer) {
    if (tensor.dtype == DType::kFp32) {
      uint32_t bits;
      if (!in.ReadLittleEndian32(&bits)) return Malformed();
      writer.Put(bits);
      return {};
    }
    uint64_t bits;
    if (!(tensor.dtype == DType::kFp64 ? in.ReadLittleEndian64(&bits) : in.ReadVarint64(&bits))) return Malformed();
    if (tensor.dtype == DType::kFp64) {
      writer.Put(bits);
    } else if (!writer.AppendInteger(bits)) {
      return InvalidArgument(StrCat("input ", Quoted(tensor.name), ": an element is out of the range of ",
                                    DTypeName(tensor.dtype), ": got ", static_cast<int64_t>(bits)));
    }
    return {};
  }

  Status ReadOutput() {
    if (request_.outputs.size() == kMostTensors)
      return InvalidArgument(StrCat("there are more than ", kMostTensors, " outputs"));
    model::RequestedOutput& output = request_.outputs.Add();
    bool classification = false;
    while (uint32_t tag = NextTag(in_)) {
      if (tag == Tag(1)) {
        TRIUNE_RETURN_IF_ERROR(ReadText(output.name));
      } else if (tag == Tag(2)) {
        TRIUNE_RETURN_IF_ERROR(ReadMessage([&] {
          return ReadMapEntry([&](const std::string& key, const model::Parameter::Value&) {
            classification = classification || key == "classification";
            uses_shared_memory_ = uses_shared_memory_ || key == "shared_memory_region";
          });
        }));
      } else if (!Skip(in_, tag)) {
        return Malformed();
      }
    }
    if (classification) return Unimplemented("outputs as classes ('classification') are not supported");
    if (uses_shared_memory_) return Unimplemented("shared memory regions are not supported");
    return {};
  }

  Status ReadRaw() {
    if (raw_.size() == kMostTensors) return InvalidArgument("there are too many raw_input_contents");
    size_t length;
    if (!ReadLength(&length)) return Malformed();
    Buffer data = Buffer::Allocate(length);
    if (!in_.ReadRaw(data.mutable_data(), static_cast<int>(length))) return Malformed();
    raw_.push_back(std::move(data));
    return {};
  }

  Status Join(Contents* contents) {
    if (raw_.empty()) {
      *contents = Contents::kTyped;
      for (size_t i = 0; i < request_.inputs.size(); ++i) {
        if (!has_contents_[i] && request_.inputs[i].shape.ElementCount().value_or(1) != 0) {
          return InvalidArgument(
              StrCat("input '", request_.inputs[i].name, "' has no data: want contents or raw_input_contents"));
        }
      }
      return {};
    }
    *contents = Contents::kRaw;
    if (raw_.size() != request_.inputs.size()) {
      return InvalidArgument(StrCat("raw_input_contents differ in number from inputs: got ", raw_.size(), ", want ",
                                    request_.inputs.size()));
    }
    for (size_t i = 0; i < raw_.size(); ++i) {
      if (has_contents_[i]) {
        return InvalidArgument(
            StrCat("input '", request_.inputs[i].name, "' has both contents and raw_input_contents"));
      }
      request_.inputs[i].data = std::move(raw_[i]);
    }
    return {};
  }

  CodedInputStream& in_;
  const size_t size_;
  model::InferenceRequest& request_;
  std::vector<Buffer>& raw_;
  std::vector<bool>& has_contents_;
  std::string& dtype_;
  bool uses_shared_memory_ = false;
};

}  // namespace

Status DecodeInferRequest(grpc::ByteBuffer& message, model::InferenceRequest& request, Contents* contents) {
  size_t size = message.Length();
  if (size > static_cast<size_t>(std::numeric_limits<int>::max()))
    return InvalidArgument("the message is larger than 2 GiB");
  thread_local Scratch scratch;
  auto decode = [&](CodedInputStream& in) {
    Status decoded = Decoder(in, size, request, scratch).Decode(contents);
    scratch.Clear();
    return decoded;
  };
  grpc::Slice whole;
  if (message.TrySingleSlice(&whole).ok()) {
    CodedInputStream in(whole.begin(), static_cast<int>(size));
    return decode(in);
  }
  grpc::ProtoBufferReader slices(&message);
  CodedInputStream in(&slices);
  return decode(in);
}

}  // namespace triune::server::grpc_api
