#include "server/api_target.h"

namespace triune::server {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string PercentDecode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 && HexDigit(text[i + 2]) >= 0) {
      out += static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

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
    size_t colon = last.rfind(':');
    std::string_view verb = colon == std::string_view::npos ? std::string_view() : last.substr(colon + 1);
    if (verb == "predict" || verb == "explain") {
      target.resource = verb == "predict" ? Resource::kInfer : Resource::kExplain;
      (target.version.empty() ? target.model : target.version).remove_suffix(verb.size() + 1);
    } else {
      target.resource = Resource::kModel;
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

}  // namespace

ApiTarget ParseTarget(std::string_view path, std::string& decoded) {
  ApiTarget target;
  if (path.find('%') != std::string_view::npos) {
    decoded = PercentDecode(path);
    path = decoded;
  }
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

}  // namespace triune::server
