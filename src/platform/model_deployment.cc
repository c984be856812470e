#include "platform/model_deployment.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "base/cores.h"
#include "base/strings.h"
#include "platform/kserve_flags.h"

namespace triune::platform {
namespace {

/// The parameter that the thread count of OpenMP programs becomes, by model format.
std::string_view ThreadsParameter(std::string_view format) {
  if (format == "onnx") return "intra_op_threads";
  if (format == "xgboost") return "nthread";
  return {};
}

/// What the paths of the API can carry: "/v1/models/NAME:predict".
Status CheckName(const std::string& name) {
  auto refused = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7F || c == ':' || c == '/'; };
  if (!name.empty() && std::ranges::none_of(name, refused)) return {};
  return InvalidArgument(StrCat("not a name for a model: got ", Quoted(name),
                                ", want one without blanks, ':' and '/', which mean something in the API's paths"));
}

/// Of equal keys the last counts.
void SetParameter(serving::ModelConfig& config, std::string_view key, std::string value) {
  std::erase_if(config.parameters, [&](const auto& entry) { return entry.first == key; });
  config.parameters.emplace_back(key, std::move(value));
}

Status ApplyParameters(const std::vector<std::string>& parameters, serving::ModelConfig& config) {
  for (const std::string& parameter : parameters) {
    size_t equals = parameter.find('=');
    if (equals == std::string::npos || equals == 0) {
      return InvalidArgument(StrCat("a parameter is not [MODEL.]KEY=VALUE: got '", parameter, "'"));
    }
    std::string key = parameter.substr(0, equals);
    if (size_t dot = key.rfind('.'); dot != std::string::npos) {
      if (key.substr(0, dot) != config.name) continue;
      key = key.substr(dot + 1);
    }
    if (key.empty()) return InvalidArgument(StrCat("a parameter has no key: got '", parameter, "'"));
    SetParameter(config, key, parameter.substr(equals + 1));
  }
  return {};
}

void Locate(const std::string& uri, const storage::StorageOptions& storage, serving::ModelConfig& config) {
  auto path = storage::ResolveModelUri(uri, storage);
  if (path.ok()) {
    config.path = *std::move(path);
  } else {
    config.path = uri;
    config.unusable = std::move(path).status();
  }
}

void ApplyThreads(std::string_view argument, const std::string& value, std::string_view format,
                  Deployment& deployment) {
  if (std::string_view parameter = ThreadsParameter(format); !parameter.empty()) {
    SetParameter(deployment.config, parameter, value);
  } else {
    deployment.warnings.push_back(
        StrCat("argument --", argument, " has no effect: models of format ", format, " have no such parameter"));
  }
}

Status ApplyEnvironment(const resource::ModelSpec& spec, Deployment& deployment) {
  for (const resource::EnvVar& variable : spec.env) {
    std::string_view threads = ThreadsParameter(spec.format.name);
    if (variable.name == kTlsCertificateVariable || variable.name == kTlsKeyVariable) {
      return Unimplemented(StrCat("env ", variable.name, ": ", kNoTls));
    }
    if (variable.name == "OMP_NUM_THREADS" && !threads.empty()) {
      SetParameter(deployment.config, threads, variable.value);
    } else {
      deployment.warnings.push_back(
          StrCat("env ", variable.name, " has no effect: the model runs inside the server's process"));
    }
  }
  return {};
}

Status ApplyArguments(const resource::ModelSpec& spec, Deployment& deployment) {
  TRIUNE_ASSIGN_OR_RETURN(auto arguments, ParseArguments(spec.args));
  for (auto& [key, value] : arguments) {
    switch (KServeFlagOf(key)) {
      case KServeFlag::kModelName:
        deployment.config.name = value;
        break;
      case KServeFlag::kThreads:
        ApplyThreads(key, value, spec.format.name, deployment);
        break;
      case KServeFlag::kTls:
        return Unimplemented(StrCat("argument --", key, ": ", kNoTls));
      case KServeFlag::kServer:
      case KServeFlag::kNoEffect:
        deployment.warnings.push_back(StrCat("argument --", key, " has no effect: there is one server for all models"));
        break;
      case KServeFlag::kNone:
        SetParameter(deployment.config, key, std::move(value));
    }
  }
  return {};
}

serving::ModelConfig ConfigFrom(const DeploymentDefaults& defaults) {
  serving::ModelConfig config;
  config.max_in_flight = defaults.max_in_flight;
  return config;
}

/// Options of ours that stand among the runtime's parameters.
Status TakeOwnParameters(serving::ModelConfig& config) {
  for (auto entry = config.parameters.begin(); entry != config.parameters.end();) {
    const auto& [key, value] = *entry;
    if (key == "warm_up") {
      if (value != "true" && value != "false")
        return InvalidArgument(StrCat("parameter warm_up is not true or false: got '", value, "'"));
      config.warm_up = value == "true";
    } else if (key == "instances") {
      char* end = nullptr;
      long instances = std::strtol(value.c_str(), &end, 10);
      if (end == value.c_str() || *end != '\0' || instances < 1 || instances > 1024) {
        return InvalidArgument(StrCat("parameter instances is not a number from 1 to 1024: got '", value, "'"));
      }
      config.instances = static_cast<int>(instances);
    } else {
      ++entry;
      continue;
    }
    entry = config.parameters.erase(entry);
  }
  return {};
}

}  // namespace

void SetDefaultThreads(std::string_view format, int threads, Deployment& deployment) {
  std::string_view parameter = ThreadsParameter(format);
  auto is_set = [&](const auto& entry) { return entry.first == parameter; };
  if (parameter.empty() || std::ranges::none_of(deployment.config.parameters, is_set)) {
    ApplyThreads("nthread", std::to_string(threads), format, deployment);
  }
}

Result<std::vector<std::pair<std::string, std::string>>> ParseArguments(const std::vector<std::string>& arguments) {
  std::vector<std::pair<std::string, std::string>> parsed;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (!argument.starts_with("--") || argument.size() == 2) {
      return InvalidArgument(StrCat("args: want --KEY=VALUE or --KEY VALUE, got '", argument, "'"));
    }
    size_t equals = argument.find('=');
    std::string key = argument.substr(2, equals == std::string::npos ? std::string::npos : equals - 2);
    if (key.empty()) return InvalidArgument(StrCat("args: a key is missing: got '", argument, "'"));
    std::ranges::replace(key, '-', '_');
    if (equals != std::string::npos) {
      parsed.emplace_back(std::move(key), argument.substr(equals + 1));
    } else if (i + 1 < arguments.size() && !arguments[i + 1].starts_with("--")) {
      parsed.emplace_back(std::move(key), arguments[++i]);
    } else {
      parsed.emplace_back(std::move(key), "true");
    }
  }
  return parsed;
}

Result<Deployment> Deploy(const resource::InferenceService& service, const DeploymentDefaults& defaults) {
  const resource::ModelSpec& spec = service.predictor.model;
  Deployment deployment{ConfigFrom(defaults), {}};
  serving::ModelConfig& config = deployment.config;
  config.name = service.metadata.name;
  config.model_namespace = service.metadata.namespace_;
  config.service = service.metadata.name;
  config.format = spec.format.name;
  config.max_concurrency = static_cast<int>(std::min<int64_t>(service.predictor.container_concurrency, 1 << 20));
  if (service.predictor.timeout.count() > 0) config.request_timeout = service.predictor.timeout;
  if (auto cpu = spec.resources.limits.find("cpu"); cpu != spec.resources.limits.end()) {
    config.instances = static_cast<int>(std::clamp<int64_t>(cpu->second.Value(), 1, AvailableCores()));
  }
  TRIUNE_RETURN_IF_ERROR(ApplyEnvironment(spec, deployment));
  TRIUNE_RETURN_IF_ERROR(ApplyArguments(spec, deployment));
  TRIUNE_RETURN_IF_ERROR(CheckName(config.name));
  TRIUNE_RETURN_IF_ERROR(ApplyParameters(defaults.parameters, config));
  TRIUNE_RETURN_IF_ERROR(TakeOwnParameters(config));
  if (config.max_concurrency > 0) config.instances = std::min(config.instances, config.max_concurrency);
  if (!spec.runtime_version.empty()) {
    deployment.warnings.push_back(
        StrCat("runtimeVersion ", spec.runtime_version, " has no effect: the version that is installed serves"));
  }
  if (spec.storage_uri.empty()) {
    config.unusable = Unimplemented("spec.predictor.model.storage without storageUri is not supported in this version");
    return deployment;
  }
  storage::StorageOptions storage = defaults.storage;
  std::error_code error;  // without a working folder the path stays as it is
  std::filesystem::path file = std::filesystem::absolute(service.file, error);
  storage.base_folder = (error ? std::filesystem::path(service.file) : file).parent_path().string();
  Locate(spec.storage_uri, storage, config);
  return deployment;
}

Result<Deployment> Deploy(const std::string& name, const std::string& model_namespace, const std::string& uri,
                          const DeploymentDefaults& defaults) {
  Deployment deployment{ConfigFrom(defaults), {}};
  deployment.config.name = name;
  deployment.config.model_namespace = model_namespace;
  TRIUNE_RETURN_IF_ERROR(CheckName(name));
  TRIUNE_RETURN_IF_ERROR(ApplyParameters(defaults.parameters, deployment.config));
  TRIUNE_RETURN_IF_ERROR(TakeOwnParameters(deployment.config));
  Locate(uri, defaults.storage, deployment.config);
  return deployment;
}

}  // namespace triune::platform
