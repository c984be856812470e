// InferenceService of serving.kserve.io/v1beta1, as far as Triune acts on it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resource/quantity.h"

namespace triune::resource {

inline constexpr std::string_view kInferenceServiceApiVersion = "serving.kserve.io/v1beta1";
inline constexpr std::string_view kInferenceServiceKind = "InferenceService";

struct ObjectMeta {
  std::string name;        ///< A DNS-1035 label.
  std::string namespace_;  ///< Never empty.
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
};

struct ModelFormat {
  std::string name;     ///< "onnx", "xgboost", ... as written; never empty.
  std::string version;  ///< Empty: any.
};

enum class ProtocolVersion : uint8_t { kV1, kV2, kGrpcV1, kGrpcV2 };
/// "v1", "v2", "grpc-v1", "grpc-v2".
std::string_view ProtocolVersionName(ProtocolVersion version);
std::optional<ProtocolVersion> ParseProtocolVersion(std::string_view name);

/// A model in a store that an administrator has described under `key`.
struct StorageSpec {
  std::string key;
  std::string path;
  std::string schema_path;
  std::map<std::string, std::string> parameters;
};

struct EnvVar {
  std::string name;
  std::string value;
};

struct ResourceRequirements {
  std::map<std::string, Quantity> limits;  ///< "cpu", "memory", ...
  std::map<std::string, Quantity> requests;
};

/// spec.predictor.model, or one of the legacy forms (predictor.sklearn, ...), whose key is then the format's name.
struct ModelSpec {
  ModelFormat format;
  std::string storage_uri;  ///< Empty only when `storage` is there.
  std::optional<StorageSpec> storage;
  ProtocolVersion protocol_version = ProtocolVersion::kV1;
  std::string runtime_version;  ///< Empty: any.
  std::vector<std::string> args;
  std::vector<EnvVar> env;  ///< In the order of the file; of equal names the last counts.
  ResourceRequirements resources;
};

struct PredictorSpec {
  ModelSpec model;
  int64_t container_concurrency = 0;  ///< Requests in flight at most; 0: as many as come.
  std::chrono::seconds timeout{0};    ///< For one request; 0: none.
};

/// One document of a manifest that passed validation. Value type.
struct InferenceService {
  ObjectMeta metadata;
  PredictorSpec predictor;
  std::string file;  ///< Where it was read from.
  int line = 0;      ///< From 1.
};

}  // namespace triune::resource
