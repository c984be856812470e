#include "cli/serve_models.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "base/strings.h"
#include "platform/model_deployment.h"
#include "resource/manifest.h"
#include "storage/model_location.h"
#include "telemetry/log.h"

namespace triune::cli {
namespace {

namespace fs = std::filesystem;
using telemetry::LogField;

/// The folder of models that KServe mounts into its runtime containers.
constexpr const char* kMountedModels = "/mnt/models";

bool HasExtension(const fs::path& path, std::initializer_list<std::string_view> extensions) {
  return std::ranges::find(extensions, path.extension().string()) != extensions.end();
}

/// NAME=URI, where NAME has no slash: a path with '=' in it needs a name before it, or ./ .
bool IsNamedModel(const std::string& argument) {
  size_t equals = argument.find('=');
  return equals != std::string::npos && equals > 0 && argument.find('/') > equals;
}

class ModelCollector {
 public:
  ModelCollector(const ServeOptions& options, model::RuntimeCatalog& runtimes)
      : options_(options), runtimes_(runtimes) {}

  Result<std::vector<serving::ModelConfig>> Collect() {
    TRIUNE_RETURN_IF_ERROR(ReadClaims());
    defaults_.max_in_flight = options_.max_in_flight;
    defaults_.parameters = options_.parameters;
    std::vector<std::string> manifests;
    for (const std::string& argument : options_.models) {
      if (IsNamedModel(argument)) {
        size_t equals = argument.find('=');
        TRIUNE_RETURN_IF_ERROR(AddModel(argument.substr(0, equals), argument.substr(equals + 1)));
        continue;
      }
      TRIUNE_ASSIGN_OR_RETURN(std::string path, LocalPath(argument));
      TRIUNE_ASSIGN_OR_RETURN(bool is_model, IsModel(path));
      if (is_model) {
        TRIUNE_RETURN_IF_ERROR(AddModel(NameOf(path), path).WithContext(argument));
      } else {
        manifests.push_back(path);
      }
    }
    TRIUNE_RETURN_IF_ERROR(AddContainerModel());
    TRIUNE_RETURN_IF_ERROR(AddManifests(manifests));
    TRIUNE_RETURN_IF_ERROR(CheckParameterNames());
    if (strict_errors_ > 0) return InvalidArgument("--strict: what has no effect is an error; nothing is served");
    return std::move(configs_);
  }

 private:
  Status ReadClaims() {
    for (const std::string& claim : options_.pvc) {
      size_t equals = claim.find('=');
      if (equals == std::string::npos || equals == 0 || equals + 1 == claim.size()) {
        return InvalidArgument(StrCat("--pvc is not CLAIM=FOLDER: got '", claim, "'"));
      }
      defaults_.storage.pvc_folders[claim.substr(0, equals)] = claim.substr(equals + 1);
    }
    return {};
  }

  /// Where a URI without a name points to; plain paths stay as they are.
  Result<std::string> LocalPath(const std::string& argument) {
    if (!storage::HasScheme(argument)) {
      std::error_code error;
      fs::file_status status = fs::status(argument, error);
      if (fs::exists(status)) return argument;
      bool hidden = error && status.type() != fs::file_type::not_found;
      return NotFound(StrCat(argument, ": ", hidden ? error.message() : "no such file or folder"));
    }
    auto path = storage::ResolveModelUri(argument, defaults_.storage);
    return path.ok() ? path : path.status().WithContext(argument);
  }

  /// A file that is a model, or a folder with a model and no YAML. False for what is left to LoadManifests to read or
  /// to complain about; an error for what is certainly neither.
  Result<bool> IsModel(const std::string& argument) {
    std::error_code error;
    fs::file_status status = fs::status(argument, error);
    bool is_folder = fs::is_directory(status);
    if (!is_folder && !fs::is_regular_file(status)) return false;
    if (Holds(argument, is_folder, {".yaml", ".yml"})) return false;
    auto detected = runtimes_.Detect(argument, "");
    if (detected.ok()) return true;
    if (Holds(argument, is_folder, {".json"})) return false;
    return detected.status().WithContext(
        StrCat("can't serve ", argument, ", which is no manifest (*.yaml, *.yml, *.json) either"));
  }

  /// Whether the file, or one in the folder, has one of the extensions.
  static bool Holds(const std::string& path, bool is_folder, std::initializer_list<std::string_view> extensions) {
    if (!is_folder) return HasExtension(path, extensions);
    std::error_code error;
    for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
      if (HasExtension(it->path(), extensions)) return true;
    }
    return false;
  }

  static std::string NameOf(const std::string& path) {
    std::error_code error;
    fs::path full = fs::absolute(path, error).lexically_normal();
    if (error) full = path;
    if (!full.has_filename()) full = full.parent_path();
    if (fs::is_directory(full, error)) return full.filename().string();  // "v1.2" has no extension
    // model.onnx says nothing; its folder may.
    bool generic = full.stem() == "model" && full.has_parent_path() && full.parent_path().has_filename();
    return generic ? full.parent_path().filename().string() : full.stem().string();
  }

  /// --model-name and --model-dir, as KServe passes them to its containers.
  Status AddContainerModel() {
    std::error_code error;
    bool in_container =
        options_.models.empty() && options_.model_dir.empty() && fs::is_directory(kMountedModels, error);
    if (options_.model_dir.empty() && !in_container) {
      if (options_.model_name.empty()) return {};
      if (!options_.models.empty()) return InvalidArgument("--model-name is given without --model-dir");
      return InvalidArgument(StrCat("--model-name is given without --model-dir, and there is no ", kMountedModels));
    }
    std::string folder = options_.model_dir.empty() ? kMountedModels : options_.model_dir;
    return AddModel(options_.model_name.empty() ? "model" : options_.model_name, folder);
  }

  Status AddManifests(const std::vector<std::string>& paths) {
    if (paths.empty()) return {};
    resource::Manifests manifests =
        resource::LoadManifests(paths, {.strict = options_.strict, .default_namespace = options_.model_namespace});
    for (const resource::Diagnostic& diagnostic : manifests.diagnostics) {
      if (diagnostic.severity == resource::Diagnostic::kError) {
        std::fprintf(stderr, "triune: %s\n", diagnostic.ToString().c_str());
      } else {
        telemetry::LogWarning("manifest", {LogField("detail", diagnostic.ToString())});
      }
    }
    if (!manifests.ok()) return InvalidArgument("the manifests have errors; nothing is served");
    if (manifests.inference_services.empty()) return InvalidArgument("the manifests hold no InferenceService");
    for (const resource::InferenceService& service : manifests.inference_services) {
      auto deployment = platform::Deploy(service, defaults_);
      if (!deployment.ok()) {
        return deployment.status().WithContext(StrCat(service.file, ":", service.line, ": ", service.metadata.name));
      }
      Add(*std::move(deployment), StrCat(service.file, ":", service.line, ": ", service.metadata.name));
    }
    return {};
  }

  Status AddModel(const std::string& name, const std::string& uri) {
    TRIUNE_ASSIGN_OR_RETURN(platform::Deployment deployment,
                            platform::Deploy(name, options_.model_namespace, uri, defaults_));
    Add(std::move(deployment), name);
    return {};
  }

  /// `place` is where the model was asked for.
  void Add(platform::Deployment deployment, const std::string& place) {
    if (options_.nthread >= 0) ApplyThreads(deployment);
    for (const std::string& warning : deployment.warnings) {
      if (options_.strict) {
        std::fprintf(stderr, "triune: %s: %s\n", place.c_str(), warning.c_str());
        ++strict_errors_;
      } else {
        telemetry::LogWarning("without effect",
                              {LogField("model", deployment.config.name), LogField("detail", warning)});
      }
    }
    configs_.push_back(std::move(deployment.config));
  }

  /// --nthread: which parameter that is depends on the format. Where it can't be told, loading fails and says why.
  void ApplyThreads(platform::Deployment& deployment) {
    std::string format = deployment.config.format;
    if (format.empty() && deployment.config.unusable.ok()) {
      auto detected = runtimes_.Detect(deployment.config.path, "");
      if (detected.ok()) format = detected->format;
    }
    if (!format.empty()) platform::SetDefaultThreads(format, options_.nthread, deployment);
  }

  /// A parameter for a model that is not there is a typing mistake.
  Status CheckParameterNames() {
    for (const std::string& parameter : options_.parameters) {
      std::string key = parameter.substr(0, parameter.find('='));
      size_t dot = key.rfind('.');
      if (dot == std::string::npos) continue;
      std::string name = key.substr(0, dot);
      if (std::ranges::none_of(configs_, [&](const auto& config) { return config.name == name; })) {
        return InvalidArgument(StrCat("--parameter ", parameter, ": no model is named '", name, "'"));
      }
    }
    return {};
  }

  const ServeOptions& options_;
  model::RuntimeCatalog& runtimes_;
  platform::DeploymentDefaults defaults_;
  std::vector<serving::ModelConfig> configs_;
  int strict_errors_ = 0;
};

}  // namespace

bool NamesModels(const ServeOptions& options) {
  std::error_code error;
  return !options.models.empty() || !options.model_dir.empty() || !options.model_name.empty() ||
         fs::is_directory(kMountedModels, error);
}

Result<std::vector<serving::ModelConfig>> ModelsToServe(const ServeOptions& options, model::RuntimeCatalog& runtimes) {
  return ModelCollector(options, runtimes).Collect();
}

}  // namespace triune::cli
