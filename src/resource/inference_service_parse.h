// One document of a manifest -> InferenceService.
#pragma once

#include <optional>
#include <string>

#include "resource/diagnostic.h"
#include "resource/inference_service.h"
#include "resource/yaml_tree.h"

namespace triune::resource {

/// Checks all fields of `document` (a map with the kind and apiVersion of an InferenceService), fills in defaults and
/// reports what is wrong. Nothing when that was an error.
std::optional<InferenceService> ParseInferenceService(const YamlNode& document, const std::string& default_namespace,
                                                      DiagnosticList& diagnostics);

}  // namespace triune::resource
