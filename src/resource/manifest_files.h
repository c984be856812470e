// Finding and reading the files of LoadManifests.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "resource/diagnostic.h"

namespace triune::resource {

struct ManifestFile {
  std::string path;
  bool named = true;  ///< By the user; false when it was found in a folder, where other files may lie too.
};

/// `path` itself, or the manifests of the folder that it is. What is wrong goes to `diagnostics`.
std::vector<ManifestFile> FindManifestFiles(const std::string& path, std::vector<Diagnostic>& diagnostics);

/// The text of a file, or nothing after a diagnostic. Reads no more than a manifest may be long.
std::optional<std::string> ReadManifestFile(const ManifestFile& file, std::vector<Diagnostic>& diagnostics);

}  // namespace triune::resource
