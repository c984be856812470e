#include "storage/model_location.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/percent.h"
#include "base/strings.h"
#include "storage/claim_folder.h"
#include "storage/file_errors.h"

namespace triune::storage {
namespace {

namespace fs = std::filesystem;

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string Lowered(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), Lower);
  return result;
}

/// "s3" of "s3://bucket/x", in lower case; empty for a plain path. `file:/x` has no authority but is a URI all the
/// same.
std::string SchemeOf(std::string_view uri) {
  size_t colon = uri.find(':');
  if (colon == std::string_view::npos || colon == 0) return "";
  std::string scheme = Lowered(uri.substr(0, colon));
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  };
  if (!std::ranges::all_of(scheme, allowed) || scheme[0] < 'a' || scheme[0] > 'z') return "";
  std::string_view rest = uri.substr(colon + 1);
  bool is_uri = rest.starts_with("//") || (scheme == "file" && rest.starts_with('/'));
  return is_uri ? scheme : "";
}

/// `path` made absolute, once something is found there.
Result<std::string> Existing(const fs::path& path) {
  std::error_code error;
  // Of /models/iris/ the part behind the last slash is empty; without it, the path of a file and that of a folder read
  // alike.
  fs::path absolute = fs::absolute(path, error).lexically_normal();
  if (error) return FileError(error, path.string());
  if (!absolute.has_filename() && absolute.has_relative_path()) absolute = absolute.parent_path();
  TRIUNE_RETURN_IF_ERROR(CheckKind(absolute.string()));
  return absolute.string();
}

Result<std::string> ResolveFile(std::string_view uri) {
  std::string_view rest = uri.substr(uri.find(':') + 1);
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    size_t slash = std::min(rest.find('/'), rest.size());
    std::string_view host = rest.substr(0, slash);
    if (!host.empty() && Lowered(host) != "localhost") {
      return InvalidArgument(
          StrCat("file URI names another host: got ", host, " in ", uri, ", want file:///absolute/path"));
    }
    rest.remove_prefix(slash);
  }
  if (rest.empty()) return InvalidArgument(StrCat("file URI has no path: got ", uri, ", want file:///absolute/path"));
  bool malformed = false;
  std::string path = PercentDecode(rest, &malformed);
  if (malformed) return InvalidArgument(StrCat("percent sign without two hex digits (write %25 for %): ", rest));
  if (path.find('\0') != std::string::npos) return InvalidArgument(StrCat("file URI has a NUL byte in it: ", uri));
  return Existing(path);
}

Result<std::string> ResolveClaim(std::string_view uri, const StorageOptions& options) {
  std::string_view rest = uri.substr(uri.find(':') + 3);
  size_t slash = std::min(rest.find('/'), rest.size());
  std::string claim(rest.substr(0, slash));
  if (claim.empty()) return InvalidArgument(StrCat("pvc URI has no claim: got ", uri, ", want pvc://CLAIM/path"));
  auto folder = options.pvc_folders.find(claim);
  if (folder == options.pvc_folders.end()) {
    std::string known;
    for (const auto& entry : options.pvc_folders) known += StrCat(known.empty() ? "" : ", ", entry.first);
    return FailedPrecondition(StrCat("persistent volume claim has no folder on this machine: got ", claim, ", have ",
                                     known.empty() ? "none" : known));
  }
  return ResolveInside(folder->second, rest.substr(slash));
}

}  // namespace

bool HasScheme(std::string_view uri) { return !SchemeOf(uri).empty(); }

Result<std::string> ResolveModelUri(std::string_view uri, const StorageOptions& options) {
  if (uri.empty()) return InvalidArgument("model URI is empty");
  if (uri.find('\0') != std::string_view::npos) return InvalidArgument("model URI has a NUL byte in it");
  std::string scheme = SchemeOf(uri);
  if (scheme == "file") return ResolveFile(uri);
  if (scheme == "pvc") return ResolveClaim(uri, options);
  if (scheme.empty()) return Existing(fs::path(options.base_folder) / fs::path(uri));
  return Unimplemented(
      StrCat("scheme of the model URI is not supported yet: got ", scheme, ", want file, pvc or a plain path"));
}

}  // namespace triune::storage
