#include <simdjson.h>

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "base/strings.h"
#include "server/json_parser.h"
#include "server/json_tensor.h"
#include "server/v2/json_codec.h"

namespace triune::server::v2 {
namespace {

namespace ondemand = simdjson::ondemand;

/// One entry of `inputs` while it is being read. Its data may come before what it takes to read it.
struct InputFields {
  bool has_name = false;
  bool has_shape = false;
  bool has_dtype = false;
  bool has_data = false;
  bool data_read = false;
  std::string_view unread_data;
  std::optional<uint64_t> binary_size;
};

std::string Which(const Tensor& tensor, size_t index) {
  return tensor.name.empty() ? StrCat("inputs[", index, "]") : StrCat("input ", Quoted(tensor.name));
}

/// The text is made only when there is something to say: it may take memory.
Status InContext(Status status, const Tensor& tensor, size_t index) {
  return status.ok() ? std::move(status) : status.WithContext(Which(tensor, index));
}

class Decoder {
 public:
  Decoder(const RequestBody& body, model::InferenceRequest& request) : body_(body), request_(request) {}

  Status Decode() {
    size_t json_size = body_.json_size.value_or(body_.bytes.size());
    if (json_size > body_.bytes.size()) {
      return InvalidArgument(StrCat("Inference-Header-Content-Length is larger than the body: got ", json_size,
                                    ", the body has ", body_.bytes.size(), " bytes"));
    }
    if (json_size == 0) return InvalidArgument("the body is empty: want a JSON object with 'inputs'");
    binary_ = body_.bytes.subspan(json_size);
    ParserMemory memory;
    ondemand::document document;
    TRIUNE_RETURN_IF_ERROR(ParseJson(body_.bytes.first(json_size), &document));
    ondemand::object top;
    if (auto error = document.get_object().get(top)) {
      return error == simdjson::INCORRECT_TYPE ? InvalidArgument("the body is not a JSON object") : JsonError(error);
    }
    TRIUNE_RETURN_IF_ERROR(ReadTop(top));
    TRIUNE_RETURN_IF_ERROR(ExpectEnd(document));
    if (!has_inputs_) return InvalidArgument("field 'inputs' is missing: want an array of tensors");
    if (binary_used_ != binary_.size()) {
      return InvalidArgument(StrCat("the binary data is longer than the inputs' binary_data_size say: got ",
                                    binary_.size(), " bytes, want ", binary_used_));
    }
    for (auto& output : request_.outputs) {
      if (!output.binary_given) output.binary = binary_by_default_;
    }
    request_.binary_outputs = binary_by_default_;
    return {};
  }

 private:
  /// Clients that write every optional field write null for those that are not set.
  static bool IsNull(ondemand::value& value) {
    ondemand::json_type type;
    return value.type().get(type) == simdjson::SUCCESS && type == ondemand::json_type::null;
  }

  Status ReadTop(ondemand::object top) {
    for (auto field : top) {
      std::string_view key;
      ondemand::value value;
      if (auto error = field.unescaped_key().get(key)) return JsonError(error);
      if (auto error = field.value().get(value)) return JsonError(error);
      if (key == "inputs") {
        if (has_inputs_) return InvalidArgument("field 'inputs' is given twice");
        has_inputs_ = true;
        TRIUNE_RETURN_IF_ERROR(ReadInputs(value));
      } else if (key == "outputs") {
        if (IsNull(value)) continue;
        if (!request_.outputs.empty()) return InvalidArgument("field 'outputs' is given twice");
        TRIUNE_RETURN_IF_ERROR(ReadOutputs(value));
      } else if (key == "id") {
        TRIUNE_RETURN_IF_ERROR(ReadId(value));
      } else if (key == "parameters") {
        TRIUNE_RETURN_IF_ERROR(ReadParameters(
            value, "parameters",
            [this](std::string_view name, ondemand::value& entry) { return ReadRequestParameter(name, entry); }));
      }
    }
    return {};
  }

  Status ReadId(ondemand::value value) {
    std::string_view text;
    if (value.get_string().get(text) == simdjson::SUCCESS) {
      request_.id.assign(text);
      return {};
    }
    if (IsNull(value)) return {};
    return InvalidArgument("field 'id' is not a string of valid UTF-8");
  }

  /// Calls read(name, value) for every entry of a `parameters` object.
  template <typename Read>
  Status ReadParameters(ondemand::value value, std::string_view where, Read read) {
    if (IsNull(value)) return {};
    ondemand::object object;
    if (auto error = value.get_object().get(object)) {
      return error == simdjson::INCORRECT_TYPE ? InvalidArgument(StrCat("field '", where, "' is not an object"))
                                               : JsonError(error);
    }
    for (auto field : object) {
      std::string_view key;
      ondemand::value entry;
      if (auto error = field.unescaped_key().get(key)) return JsonError(error);
      if (auto error = field.value().get(entry)) return JsonError(error);
      TRIUNE_RETURN_IF_ERROR(read(key, entry));
    }
    return {};
  }

  static Status ReadFlag(ondemand::value& value, std::string_view name, bool* flag) {
    if (value.get_bool().get(*flag) == simdjson::SUCCESS) return {};
    return InvalidArgument(StrCat("parameter ", Quoted(name), " is not true or false"));
  }

  Status ReadRequestParameter(std::string_view name, ondemand::value& value) {
    if (name == "binary_data_output") return ReadFlag(value, name, &binary_by_default_);
    model::Parameter& parameter = request_.parameters.Add();
    parameter.key.assign(name);
    ondemand::json_type type;
    if (auto error = value.type().get(type)) return JsonError(error);
    simdjson::error_code error = simdjson::SUCCESS;
    switch (type) {
      case ondemand::json_type::boolean: {
        bool truth = false;
        error = value.get_bool().get(truth);
        parameter.value = truth;
        break;
      }
      case ondemand::json_type::string: {
        std::string_view text;
        error = value.get_string().get(text);
        // The string that a former request left here keeps its memory.
        std::string* kept = std::get_if<std::string>(&parameter.value);
        (kept != nullptr ? *kept : parameter.value.emplace<std::string>()).assign(text);
        break;
      }
      case ondemand::json_type::number: {
        int64_t whole = 0;
        double number = 0;
        if (value.get_int64().get(whole) == simdjson::SUCCESS) {
          parameter.value = whole;
        } else {
          error = value.get_double().get(number);
          parameter.value = number;
        }
        break;
      }
      default:
        return InvalidArgument(StrCat("parameter ", Quoted(name), " is not a string, number or boolean"));
    }
    return error ? JsonError(error) : Status();
  }

  Status ReadInputs(ondemand::value value) {
    ondemand::array array;
    if (auto error = value.get_array().get(array)) {
      return error == simdjson::INCORRECT_TYPE ? InvalidArgument("field 'inputs' is not an array") : JsonError(error);
    }
    for (auto item : array) {
      ondemand::object object;
      if (auto error = item.get_object().get(object)) {
        return error == simdjson::INCORRECT_TYPE
                   ? InvalidArgument(StrCat("inputs[", request_.inputs.size(), "] is not an object"))
                   : JsonError(error);
      }
      TRIUNE_RETURN_IF_ERROR(ReadInput(object));
    }
    return {};
  }

  Status ReadInput(ondemand::object object) {
    constexpr size_t kMostInputs = 1024;
    size_t index = request_.inputs.size();
    if (index == kMostInputs) return InvalidArgument(StrCat("there are more than ", kMostInputs, " inputs"));
    Tensor& tensor = request_.inputs.Add();
    InputFields fields;
    for (auto field : object) {
      std::string_view key;
      ondemand::value value;
      if (auto error = field.unescaped_key().get(key)) return JsonError(error);
      if (auto error = field.value().get(value)) return JsonError(error);
      TRIUNE_RETURN_IF_ERROR(ReadInputField(key, value, tensor, fields, index));
    }
    if (!fields.has_name) return InvalidArgument(StrCat(Which(tensor, index), ": field 'name' is missing"));
    if (!fields.has_dtype) return InvalidArgument(StrCat(Which(tensor, index), ": field 'datatype' is missing"));
    if (!fields.has_shape) return InvalidArgument(StrCat(Which(tensor, index), ": field 'shape' is missing"));
    if (fields.binary_size) {
      if (fields.has_data)
        return InvalidArgument(StrCat(Which(tensor, index), " has both 'data' and 'binary_data_size'"));
      return InContext(TakeBinary(tensor, *fields.binary_size), tensor, index);
    }
    if (!fields.has_data) return InvalidArgument(StrCat(Which(tensor, index), ": field 'data' is missing"));
    if (fields.data_read) return {};
    // `data` stood before `shape` or `datatype`.
    ondemand::document document;
    TRIUNE_RETURN_IF_ERROR(ParseJsonPart(fields.unread_data, &document));
    ondemand::value value;
    if (auto error = document.get_value().get(value)) {
      return InvalidArgument(
          StrCat(Which(tensor, index), ": field 'data' is not an array: ", simdjson::error_message(error)));
    }
    return InContext(ReadData(value, tensor), tensor, index);
  }

  Status ReadInputField(std::string_view key, ondemand::value& value, Tensor& tensor, InputFields& fields,
                        size_t index) {
    if (key == "name") {
      std::string_view text;
      if (value.get_string().get(text) != simdjson::SUCCESS) {
        return InvalidArgument(StrCat("inputs[", index, "]: field 'name' is not a string"));
      }
      tensor.name.assign(text);
      fields.has_name = true;
    } else if (key == "datatype") {
      std::string_view text;
      if (value.get_string().get(text) != simdjson::SUCCESS) {
        return InvalidArgument(StrCat(Which(tensor, index), ": field 'datatype' is not a string"));
      }
      if (fields.has_dtype) return InvalidArgument(StrCat(Which(tensor, index), ": field 'datatype' is given twice"));
      auto dtype = ParseDType(text);
      if (!dtype)
        return InvalidArgument(StrCat(Which(tensor, index), ": unknown datatype: got '", text.substr(0, 40), "'"));
      tensor.dtype = *dtype;
      fields.has_dtype = true;
    } else if (key == "shape") {
      if (fields.has_shape) return InvalidArgument(StrCat(Which(tensor, index), ": field 'shape' is given twice"));
      TRIUNE_RETURN_IF_ERROR(InContext(ReadShape(value, tensor.shape), tensor, index));
      fields.has_shape = true;
    } else if (key == "data") {
      if (fields.has_data) return InvalidArgument(StrCat(Which(tensor, index), ": field 'data' is given twice"));
      fields.has_data = true;
      if (fields.has_shape && fields.has_dtype) {
        fields.data_read = true;
        return InContext(ReadData(value, tensor), tensor, index);
      }
      ondemand::array array;
      if (value.get_array().get(array) != simdjson::SUCCESS) {
        return InvalidArgument(StrCat(Which(tensor, index), ": field 'data' is not an array"));
      }
      if (auto error = array.raw_json().get(fields.unread_data)) return JsonError(error);
    } else if (key == "parameters") {
      auto read = [&](std::string_view name, ondemand::value& entry) -> Status {
        if (name == "shared_memory_region") return Unimplemented("shared memory regions are not supported");
        if (name != "binary_data_size") return {};
        uint64_t size;
        if (entry.get_uint64().get(size) != simdjson::SUCCESS) {
          return InvalidArgument("parameter 'binary_data_size' is not a non-negative integer");
        }
        fields.binary_size = size;
        return {};
      };
      return InContext(ReadParameters(value, "parameters", read), tensor, index);
    }
    return {};
  }

  static Status ReadShape(ondemand::value value, Shape& shape) {
    ondemand::array array;
    if (value.get_array().get(array) != simdjson::SUCCESS) return InvalidArgument("field 'shape' is not an array");
    shape.Clear();
    for (auto item : array) {
      int64_t dim;
      if (item.get_int64().get(dim) != simdjson::SUCCESS)
        return InvalidArgument("field 'shape' holds something that is not an integer");
      if (dim < 0) return InvalidArgument(StrCat("shape has a negative dimension: got ", dim));
      if (!shape.Append(dim)) return InvalidArgument(StrCat("shape has more than ", Shape::kMaxRank, " dimensions"));
    }
    if (!shape.ElementCount()) return InvalidArgument(StrCat("shape is too large: got ", shape.ToString()));
    return {};
  }

  Status ReadData(ondemand::value value, Tensor& tensor) {
    ondemand::json_type type;
    if (value.type().get(type) != simdjson::SUCCESS || type != ondemand::json_type::array) {
      return InvalidArgument("field 'data' is not an array");
    }
    int64_t want = *tensor.shape.ElementCount();
    // Every element takes two characters of text, so a larger shape can't be meant seriously, nor is it given memory.
    auto most = static_cast<int64_t>(body_.bytes.size() / 2);
    if (want > most) {
      return InvalidArgument(StrCat("element count differs from shape ", tensor.shape.ToString(), ": want ", want,
                                    ", more than the body can hold"));
    }
    reader_.Begin(tensor.dtype, static_cast<size_t>(want));
    TRIUNE_RETURN_IF_ERROR(reader_.Append(value));
    if (static_cast<int64_t>(reader_.elements()) != want) {
      return InvalidArgument(StrCat("element count differs from shape ", tensor.shape.ToString(), ": got ",
                                    reader_.elements(), ", want ", want));
    }
    if (reader_.row_shape().rank() > 1 && want > 0 && !(reader_.row_shape() == tensor.shape)) {
      return InvalidArgument(StrCat("the nesting of 'data' differs from shape ", tensor.shape.ToString(), ": got ",
                                    reader_.row_shape().ToString(), ", want it flat or nested so"));
    }
    tensor.data = reader_.Take();
    return {};
  }

  Status TakeBinary(Tensor& tensor, uint64_t size) {
    if (!body_.json_size) {
      return InvalidArgument("'binary_data_size' needs the header Inference-Header-Content-Length");
    }
    size_t left = binary_.size() - binary_used_;
    if (size > left) {
      return InvalidArgument(
          StrCat("'binary_data_size' is larger than what is left of the body: got ", size, ", left ", left));
    }
    auto bytes = binary_.subspan(binary_used_, size);
    binary_used_ += size;
    size_t element = std::max<size_t>(DTypeSize(tensor.dtype), 1);
    bool aligned = reinterpret_cast<uintptr_t>(bytes.data()) % element == 0;
    if (!body_.owner.empty() && aligned) {
      tensor.data = body_.owner.Slice(static_cast<size_t>(bytes.data() - body_.owner.data()), bytes.size());
    } else {
      tensor.data = Buffer::CopyOf(bytes);
    }
    return {};
  }

  Status ReadOutputs(ondemand::value value) {
    constexpr size_t kMostOutputs = 1024;
    ondemand::array array;
    if (auto error = value.get_array().get(array)) {
      return error == simdjson::INCORRECT_TYPE ? InvalidArgument("field 'outputs' is not an array") : JsonError(error);
    }
    for (auto item : array) {
      size_t index = request_.outputs.size();
      if (index == kMostOutputs) return InvalidArgument(StrCat("there are more than ", kMostOutputs, " outputs"));
      ondemand::object object;
      if (item.get_object().get(object) != simdjson::SUCCESS) {
        return InvalidArgument(StrCat("outputs[", index, "] is not an object"));
      }
      TRIUNE_RETURN_IF_ERROR(ReadOutput(object, request_.outputs.Add(), index));
    }
    return {};
  }

  Status ReadOutput(ondemand::object object, model::RequestedOutput& output, size_t index) {
    bool has_name = false;
    for (auto field : object) {
      std::string_view key;
      ondemand::value value;
      if (auto error = field.unescaped_key().get(key)) return JsonError(error);
      if (auto error = field.value().get(value)) return JsonError(error);
      if (key == "name") {
        std::string_view text;
        if (value.get_string().get(text) != simdjson::SUCCESS) {
          return InvalidArgument(StrCat("outputs[", index, "]: field 'name' is not a string"));
        }
        output.name.assign(text);
        has_name = true;
      } else if (key == "parameters") {
        Status read = ReadParameters(value, "parameters", [&](std::string_view name, ondemand::value& entry) -> Status {
          if (name == "classification") return Unimplemented("outputs as classes ('classification') are not supported");
          if (name == "shared_memory_region") return Unimplemented("shared memory regions are not supported");
          if (name != "binary_data") return {};
          output.binary_given = true;
          return ReadFlag(entry, name, &output.binary);
        });
        if (!read.ok()) return read.WithContext(StrCat("outputs[", index, "]"));
      }
    }
    if (!has_name) return InvalidArgument(StrCat("outputs[", index, "]: field 'name' is missing"));
    return {};
  }

  const RequestBody& body_;
  model::InferenceRequest& request_;
  std::span<const std::byte> binary_;
  size_t binary_used_ = 0;
  bool has_inputs_ = false;
  bool binary_by_default_ = false;
  JsonTensorReader reader_;
};

}  // namespace

Status DecodeRequest(const RequestBody& body, model::InferenceRequest& request) {
  return Decoder(body, request).Decode();
}

}  // namespace triune::server::v2
