#include <google/protobuf/io/coded_stream.h>

#include <cstring>
#include <variant>
#include <vector>

#include "base/text_buffer.h"
#include "server/grpc/infer_codec.h"

namespace triune::server::grpc_api {
namespace {

using google::protobuf::io::CodedOutputStream;

/// Tensors from this size on are sent from where they lie, not copied into the message.
constexpr size_t kSharedBytes = 8192;

void AppendVarint(TextBuffer& out, uint64_t value) {
  auto* begin = reinterpret_cast<uint8_t*>(out.Reserve(10));
  out.Advance(static_cast<size_t>(CodedOutputStream::WriteVarint64ToArray(value, begin) - begin));
}
void AppendTag(TextBuffer& out, uint32_t field, uint32_t wire_type) { AppendVarint(out, field << 3U | wire_type); }
void AppendBytes(TextBuffer& out, uint32_t field, std::string_view text) {
  AppendTag(out, field, 2);
  AppendVarint(out, text.size());
  out.Append(text);
}
void AppendText(TextBuffer& out, uint32_t field, std::string_view text) {
  if (!text.empty()) AppendBytes(out, field, text);
}

template <typename T>
void AppendVarints(TextBuffer& out, const Tensor& tensor) {
  for (T element : tensor.As<T>()) {
    // Negative numbers are sign-extended to 64 bits, as protobuf does for int32 and int64.
    if constexpr (std::is_signed_v<T>) {
      AppendVarint(out, static_cast<uint64_t>(int64_t{element}));
    } else {
      AppendVarint(out, element);
    }
  }
}

/// Pieces of a message while they are being made: their length stands before them. Kept by the thread.
struct Scratch {
  TextBuffer out;      ///< The message.
  TextBuffer part;     ///< A message inside it.
  TextBuffer message;  ///< One inside that.
  TextBuffer packed;   ///< A field of that.
  std::vector<grpc::Slice> slices;

  void Clear() {
    constexpr size_t kKeptBytes = 1U << 20U;
    for (TextBuffer* buffer : {&out, &part, &message, &packed}) {
      buffer->Clear();
      buffer->ShrinkTo(kKeptBytes);
    }
    slices.clear();
  }
};

/// The InferTensorContents of a tensor.
void AppendContents(TextBuffer& out, TextBuffer& packed, const Tensor& tensor) {
  if (tensor.dtype == DType::kBytes) {
    BytesReader reader(tensor.data.bytes());
    std::string_view element;
    while (reader.Next(&element)) AppendBytes(out, 8, element);
    return;
  }
  packed.Clear();
  uint32_t field = 0;
  switch (tensor.dtype) {
    case DType::kBool:
      field = 1;
      AppendVarints<uint8_t>(packed, tensor);
      break;
    case DType::kInt8:
      field = 2;
      AppendVarints<int8_t>(packed, tensor);
      break;
    case DType::kInt16:
      field = 2;
      AppendVarints<int16_t>(packed, tensor);
      break;
    case DType::kInt32:
      field = 2;
      AppendVarints<int32_t>(packed, tensor);
      break;
    case DType::kInt64:
      field = 3;
      AppendVarints<int64_t>(packed, tensor);
      break;
    case DType::kUint8:
      field = 4;
      AppendVarints<uint8_t>(packed, tensor);
      break;
    case DType::kUint16:
      field = 4;
      AppendVarints<uint16_t>(packed, tensor);
      break;
    case DType::kUint32:
      field = 4;
      AppendVarints<uint32_t>(packed, tensor);
      break;
    case DType::kUint64:
      field = 5;
      AppendVarints<uint64_t>(packed, tensor);
      break;
    case DType::kFp32:
    case DType::kFp64:
      field = tensor.dtype == DType::kFp32 ? 6 : 7;
      packed.Append({reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size()});
      break;
    case DType::kBytes:
    case DType::kFp16:
    case DType::kBf16:
      return;
  }
  if (packed.size() > 0) AppendBytes(out, field, packed.view());
}

void AppendParameter(TextBuffer& out, Scratch& scratch, const model::Parameter& parameter) {
  TextBuffer& value = scratch.packed;
  value.Clear();
  if (const bool* truth = std::get_if<bool>(&parameter.value)) {
    AppendTag(value, 1, 0);
    AppendVarint(value, *truth ? 1 : 0);
  } else if (const int64_t* whole = std::get_if<int64_t>(&parameter.value)) {
    AppendTag(value, 2, 0);
    AppendVarint(value, static_cast<uint64_t>(*whole));
  } else if (const double* number = std::get_if<double>(&parameter.value)) {
    AppendTag(value, 4, 1);
    char bytes[sizeof(double)];
    std::memcpy(bytes, number, sizeof(bytes));
    value.Append({bytes, sizeof(bytes)});
  } else {
    AppendBytes(value, 3, std::get<std::string>(parameter.value));
  }
  TextBuffer& entry = scratch.message;
  entry.Clear();
  AppendText(entry, 1, parameter.key);
  AppendBytes(entry, 2, value.view());
  AppendBytes(out, 4, entry.view());
}

void AppendOutput(TextBuffer& out, Scratch& scratch, const Tensor& tensor, Contents contents) {
  TextBuffer& part = scratch.part;
  part.Clear();
  AppendText(part, 1, tensor.name);
  AppendText(part, 2, DTypeName(tensor.dtype));
  if (tensor.shape.rank() > 0) {
    size_t size = 0;
    for (int64_t dim : tensor.shape.dims()) size += CodedOutputStream::VarintSize64(static_cast<uint64_t>(dim));
    AppendTag(part, 3, 2);
    AppendVarint(part, size);
    for (int64_t dim : tensor.shape.dims()) AppendVarint(part, static_cast<uint64_t>(dim));
  }
  if (contents == Contents::kTyped) {
    scratch.message.Clear();
    AppendContents(scratch.message, scratch.packed, tensor);
    AppendBytes(part, 5, scratch.message.view());
  }
  AppendBytes(out, 5, part.view());
}

grpc::Slice Share(const Buffer& data) {
  return grpc::Slice(
      const_cast<std::byte*>(data.data()), data.size(), [](void* held) { delete static_cast<Buffer*>(held); },
      new Buffer(data));
}

}  // namespace

grpc::ByteBuffer EncodeInferResponse(const model::InferenceResponse& response, Contents contents) {
  for (const Tensor& tensor : response.outputs) {
    if (tensor.dtype == DType::kFp16 || tensor.dtype == DType::kBf16) contents = Contents::kRaw;
  }
  thread_local Scratch scratch;
  TextBuffer& out = scratch.out;
  std::vector<grpc::Slice>& slices = scratch.slices;
  AppendText(out, 1, response.model_name);
  AppendText(out, 2, response.model_version);
  AppendText(out, 3, response.id);
  for (const model::Parameter& parameter : response.parameters) AppendParameter(out, scratch, parameter);
  for (const Tensor& tensor : response.outputs) AppendOutput(out, scratch, tensor, contents);
  if (contents == Contents::kRaw) {
    for (const Tensor& tensor : response.outputs) {
      AppendTag(out, 6, 2);
      AppendVarint(out, tensor.data.size());
      if (tensor.data.size() < kSharedBytes) {
        out.Append({reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size()});
        continue;
      }
      slices.emplace_back(out.data(), out.size());
      out.Clear();
      slices.push_back(Share(tensor.data));
    }
  }
  if (out.size() > 0) slices.emplace_back(out.data(), out.size());
  grpc::ByteBuffer message(slices.data(), slices.size());
  scratch.Clear();
  return message;
}

}  // namespace triune::server::grpc_api
