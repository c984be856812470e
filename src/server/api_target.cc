#include "server/api_target.h"

#include "base/percent.h"

namespace triune::server {
namespace {

/// Takes the next segment off the front of "/a/b/c".
std::string_view NextSegment(std::string_view& rest) {
  if (rest.empty() || rest[0] != '/') return {};
  rest.remove_prefix(1);
  std::string_view segment = rest.substr(0, rest.find('/'));
  rest.remove_prefix(segment.size());
  return segment;
}

/// What follows "/v1/models/" or "/v2/models/": the model's name, perhaps a version, perhaps what to do.
void ParseModel(std::string_view rest, ApiTarget& target) {
  std::string_view name = NextSegment(rest);
  std::string_view last = name;
  if (std::string_view before = rest; NextSegment(rest) == "versions") {
    last = target.version = NextSegment(rest);
    if (last.empty()) return;
  } else {
    rest = before;
  }
  target.model = name;
  if (target.is_v1) {
    // V1 says what to do behind a colon. Names may hold colons too: the last one counts.
    if (!rest.empty()) return;
    target.resource = Resource::kModel;
    for (std::string_view colon : {":", "%3A", "%3a"}) {
      size_t at = last.rfind(colon);
      if (at == std::string_view::npos) continue;
      std::string_view verb = last.substr(at + colon.size());
      if (verb != "predict" && verb != "explain") continue;
      target.resource = verb == "predict" ? Resource::kInfer : Resource::kExplain;
      (target.version.empty() ? target.model : target.version).remove_suffix(last.size() - at);
      break;
    }
  } else if (rest.empty()) {
    target.resource = Resource::kModel;
  } else if (rest == "/infer") {
    target.resource = Resource::kInfer;
  } else if (rest == "/ready") {
    target.resource = Resource::kModelReady;
  }
  if (target.model.empty()) target.resource = Resource::kUnknown;
}

/// Names may hold any character, so they are decoded after the path is taken apart: what a proxy before this server
/// took for one segment stays one.
void DecodeNames(ApiTarget& target, std::string& decoded) {
  std::string_view* names[] = {&target.model, &target.model_namespace, &target.service, &target.version};
  size_t sizes[4];
  for (size_t i = 0; i < 4; ++i) {
    std::string name = PercentDecode(*names[i]);
    sizes[i] = name.size();
    decoded += name;
  }
  std::string_view rest = decoded;
  for (size_t i = 0; i < 4; ++i) {
    *names[i] = rest.substr(0, sizes[i]);
    rest.remove_prefix(sizes[i]);
  }
}

ApiTarget Parse(std::string_view path) {
  ApiTarget target;
  if (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  if (path == "/") {
    target.resource = Resource::kRoot;
    return target;
  }
  std::string_view rest = path;
  std::string_view first = NextSegment(rest);
  if (first == "serving") {
    target.model_namespace = NextSegment(rest);
    target.service = NextSegment(rest);
    if (target.model_namespace.empty() || target.service.empty()) return target;
    first = NextSegment(rest);
  }
  target.is_v1 = first == "v1";
  if (first == "healthz" && rest.empty()) {
    target.resource = Resource::kLive;
  } else if (first == "metrics" && rest.empty()) {
    target.resource = Resource::kMetrics;
  } else if (first == "v2" && rest.empty()) {
    target.resource = Resource::kServerMetadata;
  } else if (rest == "/models" && (target.is_v1 || first == "v2")) {
    target.resource = Resource::kModelList;
  } else if (rest.starts_with("/models/") && (target.is_v1 || first == "v2")) {
    rest.remove_prefix(7);
    ParseModel(rest, target);
  } else if (first == "v2" && rest == "/health/live") {
    target.resource = Resource::kLive;
  } else if (first == "v2" && rest == "/health/ready") {
    target.resource = Resource::kReady;
  } else if (first == "v2" && rest.starts_with("/repository/")) {
    target.resource = Resource::kRepository;
  }
  return target;
}

}  // namespace

ApiTarget ParseTarget(std::string_view path, std::string& decoded) {
  ApiTarget target = Parse(path);
  if (path.find('%') != std::string_view::npos) DecodeNames(target, decoded);
  return target;
}

}  // namespace triune::server
