#include "resource/manifest_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "base/strings.h"
#include "resource/yaml_tree.h"

namespace triune::resource {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostBytes = YamlLimits{}.text_bytes;

void Report(Diagnostic::Severity severity, const std::string& file, std::string message,
            std::vector<Diagnostic>& diagnostics) {
  diagnostics.push_back({severity, file, 0, "", std::move(message)});
}

bool LooksLikeManifest(const fs::path& path) {
  std::string extension = path.extension().string();
  bool hidden = path.filename().string().starts_with('.');
  return !hidden && (extension == ".yaml" || extension == ".yml" || extension == ".json");
}

}  // namespace

std::vector<ManifestFile> FindManifestFiles(const std::string& path, std::vector<Diagnostic>& diagnostics) {
  std::error_code error;
  fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    std::string why = error && status.type() != fs::file_type::not_found ? error.message() : "no such file or folder";
    Report(Diagnostic::kError, path, std::move(why), diagnostics);
    return {};
  }
  if (!fs::is_directory(status)) return {{.path = path, .named = true}};
  std::vector<ManifestFile> files;
  fs::directory_iterator entries(path, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    // Follows links: Kubernetes mounts the files of a ConfigMap as links.
    std::error_code ignored;
    bool is_file = fs::is_regular_file(entries->path(), ignored);
    if (is_file && LooksLikeManifest(entries->path())) files.push_back({entries->path().string(), /*named=*/false});
  }
  if (error) Report(Diagnostic::kError, path, StrCat("can't list the folder: ", error.message()), diagnostics);
  if (!error && files.empty()) Report(Diagnostic::kError, path, "folder holds no *.yaml, *.yml or *.json", diagnostics);
  std::ranges::sort(files, {}, &ManifestFile::path);
  return files;
}

std::optional<std::string> ReadManifestFile(const ManifestFile& file, std::vector<Diagnostic>& diagnostics) {
  std::ifstream stream(file.path, std::ios::binary);
  std::string text;
  char chunk[16384];
  while (stream && text.size() <= kMostBytes) {
    stream.read(chunk, sizeof(chunk));
    text.append(chunk, static_cast<size_t>(stream.gcount()));
  }
  if (!stream.eof() && text.size() <= kMostBytes) {
    Report(Diagnostic::kError, file.path, "can't read the file", diagnostics);
    return std::nullopt;
  }
  // The words that every manifest of ours has. A model or a configuration that lies beside the manifests has not, and
  // is no reason to fail.
  bool ours = text.find("apiVersion") != std::string::npos || text.find("kind") != std::string::npos;
  bool too_large = text.size() > kMostBytes;
  if (!file.named && (too_large || !ours)) {
    Report(Diagnostic::kWarning, file.path,
           too_large ? StrCat("skipped: larger than ", kMostBytes, " bytes") : "skipped: holds no Kubernetes objects",
           diagnostics);
    return std::nullopt;
  }
  if (too_large) {
    Report(Diagnostic::kError, file.path, StrCat("file is too large: want at most ", kMostBytes, " bytes"),
           diagnostics);
    return std::nullopt;
  }
  return text;
}

}  // namespace triune::resource
