#include <variant>

#include "base/json_text.h"
#include "base/strings.h"
#include "server/json_tensor.h"
#include "server/v2/json_codec.h"

namespace triune::server::v2 {
namespace {

void AppendShape(TextBuffer& out, const Shape& shape) {
  out.Append('[');
  for (size_t i = 0; i < shape.rank(); ++i) {
    if (i > 0) out.Append(',');
    out.AppendNumber(shape[i]);
  }
  out.Append(']');
}

void AppendParameterValue(TextBuffer& out, const model::Parameter::Value& value) {
  if (const bool* truth = std::get_if<bool>(&value)) return out.Append(*truth ? "true" : "false");
  if (const int64_t* whole = std::get_if<int64_t>(&value)) return out.AppendNumber(*whole);
  if (const double* number = std::get_if<double>(&value)) return AppendJsonFloat(out, *number);
  AppendJsonString(out, std::get<std::string>(value));
}

}  // namespace

Status EncodeResponse(const model::InferenceRequest& request, const model::InferenceResponse& response,
                      http::Response& out) {
  TextBuffer& text = out.body;
  text.Append("{\"model_name\":");
  AppendJsonString(text, response.model_name);
  if (!response.model_version.empty()) {
    text.Append(",\"model_version\":");
    AppendJsonString(text, response.model_version);
  }
  if (!response.id.empty()) {
    text.Append(",\"id\":");
    AppendJsonString(text, response.id);
  }
  if (!response.parameters.empty()) {
    text.Append(",\"parameters\":{");
    for (size_t i = 0; i < response.parameters.size(); ++i) {
      if (i > 0) text.Append(',');
      AppendJsonString(text, response.parameters[i].key);
      text.Append(':');
      AppendParameterValue(text, response.parameters[i].value);
    }
    text.Append('}');
  }
  text.Append(",\"outputs\":[");
  bool any_binary = false;
  for (size_t i = 0; i < response.outputs.size(); ++i) {
    const Tensor& tensor = response.outputs[i];
    if (i > 0) text.Append(',');
    text.Append("{\"name\":");
    AppendJsonString(text, tensor.name);
    text.Append(",\"shape\":");
    AppendShape(text, tensor.shape);
    text.Append(",\"datatype\":\"");
    text.Append(DTypeName(tensor.dtype));
    if (request.WantsBinary(i)) {
      text.Append("\",\"parameters\":{\"binary_data_size\":");
      text.AppendNumber(tensor.data.size());
      text.Append("}}");
      out.tail.push_back(tensor.data);
      any_binary = true;
    } else {
      text.Append("\",\"data\":[");
      if (Status status = AppendJsonElements(text, tensor); !status.ok()) {
        return status.WithContext(StrCat("output '", tensor.name, "'"));
      }
      text.Append("]}");
    }
  }
  text.Append("]}");
  if (any_binary) {
    out.content_type = "application/octet-stream";
    out.headers.Append("Inference-Header-Content-Length: ");
    out.headers.AppendNumber(text.size());
    out.headers.Append("\r\n");
  }
  return {};
}

void EncodeMetadata(const std::string& name, const std::string& version, const model::Signature& signature,
                    TextBuffer& out) {
  auto append_specs = [&](const std::vector<model::TensorSpec>& specs) {
    for (size_t i = 0; i < specs.size(); ++i) {
      if (i > 0) out.Append(',');
      out.Append("{\"name\":");
      AppendJsonString(out, specs[i].name);
      out.Append(",\"datatype\":\"");
      out.Append(DTypeName(specs[i].dtype));
      out.Append("\",\"shape\":");
      AppendShape(out, specs[i].shape);
      out.Append('}');
    }
  };
  out.Append("{\"name\":");
  AppendJsonString(out, name);
  out.Append(",\"versions\":[");
  AppendJsonString(out, version);
  out.Append("],\"platform\":");
  AppendJsonString(out, signature.platform);
  out.Append(",\"inputs\":[");
  append_specs(signature.inputs);
  out.Append("],\"outputs\":[");
  append_specs(signature.outputs);
  out.Append("]}");
}

}  // namespace triune::server::v2
