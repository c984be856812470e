// What the path of a request means.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace triune::server {

/// The resources of the HTTP API.
enum class Resource : uint8_t {
  kUnknown,
  kRoot,            ///< /
  kLive,            ///< /healthz, /v2/health/live
  kReady,           ///< /v2/health/ready
  kMetrics,         ///< /metrics
  kServerMetadata,  ///< /v2
  kModelList,       ///< /v1/models, /v2/models
  kModel,           ///< /v1/models/M, /v2/models/M[/versions/V]
  kModelReady,      ///< /v2/models/M[/versions/V]/ready
  kInfer,           ///< /v2/models/M[/versions/V]/infer, /v1/models/M[/versions/V]:predict
  kExplain,         ///< /v1/models/M:explain
  kRepository,      ///< /v2/repository/...
};

struct ApiTarget {
  Resource resource = Resource::kUnknown;
  bool is_v1 = false;
  std::string_view model_namespace;  ///< From the prefix /serving/NAMESPACE/NAME; else empty.
  std::string_view service;          ///< The NAME of that prefix.
  std::string_view model;
  std::string_view version;
};

/// Parses a path. The views point into `path`, or into `decoded` when the path is percent-encoded. A trailing slash is
/// ignored.
ApiTarget ParseTarget(std::string_view path, std::string& decoded);

}  // namespace triune::server
