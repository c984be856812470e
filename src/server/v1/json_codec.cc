#include "server/v1/json_codec.h"

#include <simdjson.h>

#include <span>
#include <vector>

#include "base/json_text.h"
#include "base/strings.h"
#include "server/json_parser.h"
#include "server/json_tensor.h"

namespace triune::server::v1 {
namespace {

namespace ondemand = simdjson::ondemand;
using ondemand::json_type;

/// Bytes of JSON text that an element takes at the least, to guess how many there may be.
constexpr size_t kTextPerElement = 4;

/// False also for what is no JSON, such as NaN: the one who reads it can tell.
bool IsObject(ondemand::value& value) {
  json_type type;
  return value.type().get(type) == simdjson::SUCCESS && type == json_type::object;
}

/// Collects the data of one input.
struct Column {
  JsonTensorReader reader;
  bool used = false;
};

/// The thread's columns, made as good as new: a request allocates none.
std::span<Column> TakeColumns(size_t count) {
  thread_local std::vector<Column> columns;
  if (columns.size() < count) columns.resize(count);
  std::span<Column> taken(columns.data(), count);
  for (Column& column : taken) column.used = false;
  return taken;
}

class Decoder {
 public:
  Decoder(const model::Signature& signature, model::InferenceRequest& request, size_t body_size)
      : signature_(signature),
        request_(request),
        expected_(body_size / kTextPerElement),
        columns_(TakeColumns(signature.inputs.size())) {}
  /// A request that failed half-way leaves no data behind.
  ~Decoder() {
    for (Column& column : columns_) column.reader.Take();
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  Status ReadRows(ondemand::value value) {
    ondemand::array rows;
    if (value.get_array().get(rows) != simdjson::SUCCESS) return InvalidArgument("field 'instances' is not an array");
    int64_t count = 0;
    for (auto item : rows) {
      ondemand::value row;
      if (auto error = item.get(row)) return JsonError(error);
      if (Status read = ReadRow(row, count); !read.ok()) return read.WithContext(StrCat("instances[", count, "]"));
      ++count;
    }
    if (count == 0) return InvalidArgument("field 'instances' is empty");
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (!columns_[i].used) continue;
      Shape shape{count};
      for (int64_t dim : columns_[i].reader.row_shape().dims()) {
        if (!shape.Append(dim)) return InvalidArgument("the arrays are nested too deep");
      }
      AddTensor(i, shape);
    }
    return {};
  }

  Status ReadColumns(ondemand::value value) {
    if (!IsObject(value)) {
      if (signature_.inputs.size() != 1) {
        return InvalidArgument("field 'inputs' is not an object, which a model of several inputs needs");
      }
      if (Status read = Append(0, value); !read.ok()) return read.WithContext("inputs");
      AddTensor(0, columns_[0].reader.row_shape());
      return {};
    }
    ondemand::object columns;
    if (auto error = value.get_object().get(columns)) return JsonError(error);
    for (auto field : columns) {
      std::string_view key;
      ondemand::value column;
      if (auto error = field.unescaped_key().get(key)) return JsonError(error);
      if (auto error = field.value().get(column)) return JsonError(error);
      TRIUNE_ASSIGN_OR_RETURN(int index, model::FindInput(signature_, key));
      auto i = static_cast<size_t>(index);
      if (columns_[i].used) return model::GivenTwice(signature_, key);
      if (Status read = Append(i, column); !read.ok()) return read.WithContext(StrCat("inputs: ", Quoted(key)));
      AddTensor(i, columns_[i].reader.row_shape());
    }
    return {};
  }

 private:
  JsonTensorReader& Begin(size_t index) {
    Column& column = columns_[index];
    if (!column.used) {
      column.used = true;
      column.reader.Begin(signature_.inputs[index].dtype, expected_ / signature_.inputs.size() + 1);
    }
    return column.reader;
  }
  Status Append(size_t index, ondemand::value value) { return Begin(index).Append(value); }

  /// TensorFlow Serving's {"b64": "..."} can then stand for a whole instance.
  bool TakesOneString() const {
    return signature_.inputs.size() == 1 && signature_.inputs[0].dtype == DType::kBytes &&
           signature_.FindInput("b64") < 0;
  }

  Status ReadRow(ondemand::value row, int64_t number) {
    const bool is_object = IsObject(row);
    if (number == 0) {
      rows_are_objects_ = is_object;
    } else if (is_object != rows_are_objects_) {
      return InvalidArgument("some instances are objects by input name and others are not");
    }
    if (!is_object) {
      if (signature_.inputs.size() != 1) {
        return InvalidArgument(
            StrCat("not an object by input name, which a model of ", signature_.inputs.size(), " inputs needs"));
      }
      return Append(0, row);
    }
    ondemand::object fields;
    if (auto error = row.get_object().get(fields)) return JsonError(error);
    for (auto field : fields) {
      std::string_view key;
      ondemand::value value;
      if (auto error = field.unescaped_key().get(key)) return JsonError(error);
      if (auto error = field.value().get(value)) return JsonError(error);
      if (key == "b64" && TakesOneString()) {
        std::string_view text;
        if (value.get_string().get(text) != simdjson::SUCCESS) return InvalidArgument("'b64' is not a string");
        TRIUNE_RETURN_IF_ERROR(Begin(0).AppendBase64(text));
        continue;
      }
      TRIUNE_ASSIGN_OR_RETURN(int index, model::FindInput(signature_, key));
      Column& column = columns_[static_cast<size_t>(index)];
      if (column.used && column.reader.rows() > number) return model::GivenTwice(signature_, key);
      Status read = Append(static_cast<size_t>(index), value);
      if (!read.ok()) return read.WithContext(Quoted(key));
    }
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].used && columns_[i].reader.rows() != number + 1) {
        return InvalidArgument(
            StrCat("input '", signature_.inputs[i].name, "' is given in some instances and not in others"));
      }
    }
    return {};
  }

  void AddTensor(size_t index, const Shape& shape) {
    Tensor& tensor = request_.inputs.Add();
    tensor.name = signature_.inputs[index].name;
    tensor.dtype = signature_.inputs[index].dtype;
    tensor.shape = shape;
    tensor.data = columns_[index].reader.Take();
  }

  const model::Signature& signature_;
  model::InferenceRequest& request_;
  const size_t expected_;
  const std::span<Column> columns_;
  bool rows_are_objects_ = false;
};

Status EncodeRows(const model::InferenceResponse& response, TextBuffer& out) {
  thread_local std::vector<JsonNestedWriter> writers;
  writers.clear();
  for (const Tensor& tensor : response.outputs) writers.emplace_back(tensor);
  int64_t rows = response.outputs[0].shape[0];
  out.Append('[');
  for (int64_t row = 0; row < rows; ++row) {
    out.Append(row == 0 ? "{" : ",{");
    for (size_t i = 0; i < writers.size(); ++i) {
      if (i > 0) out.Append(',');
      AppendJsonString(out, response.outputs[i].name);
      out.Append(':');
      TRIUNE_RETURN_IF_ERROR(writers[i].WriteRow(out));
    }
    out.Append('}');
  }
  out.Append(']');
  return {};
}

Status EncodeColumns(const model::InferenceResponse& response, TextBuffer& out) {
  out.Append('{');
  for (size_t i = 0; i < response.outputs.size(); ++i) {
    if (i > 0) out.Append(',');
    AppendJsonString(out, response.outputs[i].name);
    out.Append(':');
    TRIUNE_RETURN_IF_ERROR(JsonNestedWriter(response.outputs[i]).WriteAll(out));
  }
  out.Append('}');
  return {};
}

/// True when all outputs have rows, equally many.
bool HaveSameRows(const model::InferenceResponse& response) {
  for (const Tensor& tensor : response.outputs) {
    if (tensor.shape.rank() == 0 || tensor.shape[0] != response.outputs[0].shape[0]) return false;
  }
  return true;
}

}  // namespace

Status DecodeRequest(std::span<const std::byte> body, const model::Signature& signature,
                     model::InferenceRequest& request, Format* format) {
  if (body.empty()) return InvalidArgument("the body is empty: want a JSON object with 'instances' or 'inputs'");
  ParserMemory memory;
  ondemand::document document;
  TRIUNE_RETURN_IF_ERROR(ParseJson(body, &document));
  ondemand::object top;
  if (auto error = document.get_object().get(top)) {
    return error == simdjson::INCORRECT_TYPE ? InvalidArgument("the body is not a JSON object") : JsonError(error);
  }
  bool found = false;
  Decoder decoder(signature, request, body.size());
  for (auto field : top) {
    std::string_view key;
    ondemand::value value;
    if (auto error = field.unescaped_key().get(key)) return JsonError(error);
    if (auto error = field.value().get(value)) return JsonError(error);
    if (key != "instances" && key != "inputs") continue;
    if (found) return InvalidArgument("'instances' and 'inputs' are given together, or twice");
    found = true;
    *format = key == "instances" ? Format::kRows : Format::kColumns;
    TRIUNE_RETURN_IF_ERROR(*format == Format::kRows ? decoder.ReadRows(value) : decoder.ReadColumns(value));
  }
  TRIUNE_RETURN_IF_ERROR(ExpectEnd(document));
  if (!found) return InvalidArgument("field 'instances' or 'inputs' is missing");
  return {};
}

Status EncodeResponse(const model::InferenceResponse& response, Format format, TextBuffer& out) {
  out.Append("{\"predictions\":");
  if (response.outputs.size() == 1) {
    TRIUNE_RETURN_IF_ERROR(JsonNestedWriter(response.outputs[0]).WriteAll(out));
  } else if (format == Format::kRows && HaveSameRows(response) && !response.outputs.empty()) {
    TRIUNE_RETURN_IF_ERROR(EncodeRows(response, out));
  } else {
    TRIUNE_RETURN_IF_ERROR(EncodeColumns(response, out));
  }
  out.Append('}');
  return {};
}

}  // namespace triune::server::v1
