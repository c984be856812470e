// Manifests: files of Kubernetes objects, in YAML or JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "resource/diagnostic.h"
#include "resource/inference_service.h"

namespace triune::resource {

struct ManifestOptions {
  bool strict = false;  ///< Fields that are unknown or have no effect here are errors, not warnings.
  std::string default_namespace = "default";
};

struct Manifests {
  /// Those without errors, in the order of the files. No two have the same namespace and name.
  std::vector<InferenceService> inference_services;
  std::vector<Diagnostic> diagnostics;

  /// False when a diagnostic is an error.
  bool ok() const;
};

/// Reads files, and folders: all *.yaml, *.yml and *.json in them, in the order of their names, not those in folders
/// inside. Files of a folder that hold no Kubernetes objects (a model in JSON, say) are passed over with a warning.
/// Files may hold several documents and `kind: List`. Objects of other kinds are passed over with a warning. Never
/// throws.
Manifests LoadManifests(const std::vector<std::string>& paths, const ManifestOptions& options);

/// The same for text in memory; `file_name` is for messages. The work is bounded, whatever the text: at most 4 MiB, 64
/// levels, 200,000 values with what aliases stand for.
Manifests ParseManifest(std::string_view text, std::string_view file_name, const ManifestOptions& options);

}  // namespace triune::resource
