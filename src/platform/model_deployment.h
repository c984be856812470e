// From what is wanted to what is served: an InferenceService as the configuration of a model of this process.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "resource/inference_service.h"
#include "serving/served_model.h"
#include "storage/model_location.h"
#include "triune/status.h"

namespace triune::platform {

/// What holds for all models of a server.
struct DeploymentDefaults {
  storage::StorageOptions storage;
  int max_in_flight = 1024;
  /// KEY=VALUE for every model, or MODEL.KEY=VALUE for one: parameters of runtimes.
  std::vector<std::string> parameters;
};

struct Deployment {
  serving::ModelConfig config;
  std::vector<std::string> warnings;  ///< What of the manifest has no effect, for the log.
};

/// A model whose files can't be found is still deployed: it will be seen to have failed, and why. InvalidArgument for
/// arguments that are malformed and for names that the API's paths can't carry; Unimplemented for those that ask for
/// TLS.
Result<Deployment> Deploy(const resource::InferenceService& service, const DeploymentDefaults& defaults);

/// The same for a model named on the command line: NAME=URI. Its format is found out from its files.
Result<Deployment> Deploy(const std::string& name, const std::string& model_namespace, const std::string& uri,
                          const DeploymentDefaults& defaults);

/// Container arguments as KServe's runtimes take them (--key=value, --key value, --flag) as key/value pairs, with '_'
/// for '-' in keys and "true" for flags.
Result<std::vector<std::pair<std::string, std::string>>> ParseArguments(const std::vector<std::string>& arguments);

/// What --nthread on the command line means for a model of this format: its runtime's parameter for threads, unless it
/// is set already; a warning where there is none.
void SetDefaultThreads(std::string_view format, int threads, Deployment& deployment);

}  // namespace triune::platform
