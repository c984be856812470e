#include "resource/inference_service_parse.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "resource/field_reader.h"
#include "resource/known_fields.h"
#include "resource/schema.h"

namespace triune::resource {
namespace {

constexpr size_t kLongestName = 63;

bool IsLowerLetter(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$, at most 63 characters: a DNS-1123 label.
bool IsDnsLabel(std::string_view name) {
  auto inner = [](char c) { return IsLowerLetter(c) || IsDigit(c) || c == '-'; };
  return !name.empty() && name.size() <= kLongestName && std::ranges::all_of(name, inner) && name.front() != '-' &&
         name.back() != '-';
}

ObjectMeta ReadMetadata(const FieldReader& metadata, const std::string& default_namespace) {
  ObjectMeta meta{.name = metadata.String("name"),
                  .namespace_ = metadata.String("namespace"),
                  .labels = metadata.StringMap("labels"),
                  .annotations = metadata.StringMap("annotations")};
  if (!metadata.Has("name")) {
    metadata.Error("name", "missing: every InferenceService needs a name");
  } else if (!IsDnsLabel(meta.name) || IsDigit(meta.name.front())) {
    metadata.Error("name", StrCat("not a valid name: got ", Quote(meta.name),
                                  ", want lower-case letters, digits and '-', a letter first, no '-' last, at most ",
                                  kLongestName, " characters"));
  }
  if (!metadata.Has("namespace")) {
    meta.namespace_ = default_namespace;
  } else if (!IsDnsLabel(meta.namespace_)) {
    metadata.Error("namespace", StrCat("not a valid namespace: got ", Quote(meta.namespace_),
                                       ", want lower-case letters, digits and '-', no '-' first or last, at most ",
                                       kLongestName, " characters"));
  }
  FieldReader annotations = metadata.Object("annotations");
  for (std::string_view name : KServeAnnotations()) {
    if (annotations.Has(name)) annotations.Unsupported(name, "known to KServe, has no effect here yet");
  }
  return meta;
}

std::vector<EnvVar> ReadEnv(const FieldReader& model) {
  std::vector<EnvVar> result;
  for (const FieldReader& entry : model.ObjectList("env")) {
    EnvVar variable{.name = entry.String("name"), .value = entry.String("value")};
    if (variable.name.empty() || variable.name.find('=') != std::string::npos) {
      entry.Error("name", StrCat("not a name of an environment variable: got ", Quote(variable.name)));
    }
    result.push_back(std::move(variable));
  }
  return result;
}

ResourceRequirements ReadResources(const FieldReader& resources) {
  ResourceRequirements result{.limits = resources.QuantityMap("limits"), .requests = resources.QuantityMap("requests")};
  for (const auto& [name, request] : result.requests) {
    auto limit = result.limits.find(name);
    if (limit == result.limits.end() || !(limit->second < request)) continue;
    resources.Error("requests", StrCat(name, " is more than its limit: got ", request.text(), ", want at most ",
                                       limit->second.text()));
  }
  return result;
}

void ReadStorage(const FieldReader& model, ModelSpec& result) {
  result.storage_uri = model.String("storageUri");
  if (model.Has("storage")) {
    FieldReader storage = model.Object("storage");
    result.storage = StorageSpec{.key = storage.String("key"),
                                 .path = storage.String("path"),
                                 .schema_path = storage.String("schemaPath"),
                                 .parameters = storage.StringMap("parameters")};
    if (model.Has("storageUri")) {
      model.Error("storage", "both storage and storageUri are given: want one of them");
    }
  } else if (!model.Has("storageUri")) {
    model.Error("storageUri", "missing: want the URI of a model, for example file:///models/iris");
  } else if (result.storage_uri.empty()) {
    model.Error("storageUri", "empty: want the URI of a model, for example file:///models/iris");
  }
}

/// KServe's default, which depends on what serves the format there.
ProtocolVersion DefaultProtocol(std::string_view format) {
  return format == "triton" || format == "huggingface" ? ProtocolVersion::kV2 : ProtocolVersion::kV1;
}

/// `key` is "model", or the legacy key that is also the name of the format.
ModelSpec ReadModel(const FieldReader& model, std::string_view key) {
  ModelSpec result;
  if (key == "model") {
    FieldReader format = model.Object("modelFormat");
    result.format = {.name = format.String("name"), .version = format.String("version")};
    if (!model.Has("modelFormat")) {
      model.Error("modelFormat", "missing: want a map with the name of a format, for example onnx");
    } else if (result.format.name.empty()) {
      format.Error("name", "missing: want the name of a format, for example onnx");
    }
  } else {
    result.format.name = key;
  }
  ReadStorage(model, result);
  auto protocol = ParseProtocolVersion(model.String("protocolVersion"));
  result.protocol_version = protocol.value_or(DefaultProtocol(result.format.name));
  if (protocol == ProtocolVersion::kGrpcV1) {
    model.Unsupported("protocolVersion",
                      "grpc-v1 is not supported: v1, v2 and grpc-v2 are served, whatever is asked for");
  }
  result.runtime_version = model.String("runtimeVersion");
  result.args = model.StringList("args");
  result.env = ReadEnv(model);
  result.resources = ReadResources(model.Object("resources"));
  return result;
}

PredictorSpec ReadPredictor(const FieldReader& spec) {
  PredictorSpec result;
  if (!spec.Has("predictor")) {
    spec.Error("predictor", "missing: every InferenceService needs a predictor");
    return result;
  }
  FieldReader predictor = spec.Object("predictor");
  result.container_concurrency = predictor.Integer("containerConcurrency").value_or(0);
  result.timeout = std::chrono::seconds(predictor.Integer("timeout").value_or(0));

  std::vector<std::string_view> given;
  for (std::string_view key : ModelKeys()) {
    if (predictor.Has(key)) given.push_back(key);
  }
  if (given.size() == 1) {
    result.model = ReadModel(predictor.Object(given[0]), given[0]);
  } else if (given.empty()) {
    std::string_view why = predictor.Has("containers") ? " (containers of your own can't be run here yet)" : "";
    spec.Error("predictor", StrCat("no model: want model, or one of the legacy forms like sklearn or xgboost", why));
  } else {
    spec.Error("predictor", StrCat("more than one model: got ", given[0], " and ", given[1], ", want one"));
  }
  return result;
}

}  // namespace

std::optional<InferenceService> ParseInferenceService(const YamlNode& document, const std::string& default_namespace,
                                                      DiagnosticList& diagnostics) {
  size_t errors_before = diagnostics.error_count();
  CheckFields(document, InferenceServiceSchema(), "", diagnostics);
  FieldReader root(document, "", diagnostics);
  InferenceService service;
  service.metadata = ReadMetadata(root.Object("metadata"), default_namespace);
  if (root.Has("spec")) {
    service.predictor = ReadPredictor(root.Object("spec"));
  } else {
    root.Error("spec", "missing: want a spec with a predictor");
  }
  service.line = document.line;
  if (diagnostics.error_count() != errors_before) return std::nullopt;
  return service;
}

}  // namespace triune::resource
