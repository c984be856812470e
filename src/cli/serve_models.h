// From the arguments of `triune serve` to the models that it serves.
#pragma once

#include <vector>

#include "cli/serve_options.h"
#include "model/runtime_catalog.h"
#include "serving/served_model.h"
#include "triune/status.h"

namespace triune::cli {

/// Whether the arguments, or a model mounted as KServe does it, name anything to serve.
bool NamesModels(const ServeOptions& options);

/// Reads the manifests and interprets the arguments. Warnings go to the log; errors in manifests are printed, each on
/// its line, and make the call fail.
Result<std::vector<serving::ModelConfig>> ModelsToServe(const ServeOptions& options, model::RuntimeCatalog& runtimes);

}  // namespace triune::cli
