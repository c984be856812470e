#include "model/plugin_runtime.h"

#include <dlfcn.h>

#include <utility>

#include "base/strings.h"
#include "model/plugin_model.h"
#include "model/runtime_library.h"

namespace triune::model {

Status PluginStatus(int code, const triune_error& error) {
  if (code == 0) return {};
  bool known = code > 0 && code < kStatusCodeCount;
  return Status(known ? static_cast<StatusCode>(code) : StatusCode::kUnknown, error.message);
}

Result<const triune_runtime_plugin*> PluginRuntime::OpenPlugin(const std::string& path) {
  TRIUNE_ASSIGN_OR_RETURN(void* handle, OpenSharedObject(path));
  auto get = reinterpret_cast<const triune_runtime_plugin* (*)()>(dlsym(handle, "triune_runtime_plugin_get"));
  if (get == nullptr) return FailedPrecondition("not a plug-in, it lacks triune_runtime_plugin_get: " + path);
  const triune_runtime_plugin* plugin = get();
  if (plugin->abi != TRIUNE_RUNTIME_ABI) {
    return FailedPrecondition(StrCat("plug-in was built for another version of the interface: got ", plugin->abi,
                                     ", want ", TRIUNE_RUNTIME_ABI, ": ", path));
  }
  return plugin;
}

PluginRuntime::PluginRuntime(const triune_runtime_plugin* plugin, std::string library_path)
    : plugin_(plugin), library_path_(std::move(library_path)) {
  for (const char* const* format = plugin->formats; *format != nullptr; ++format) formats_.emplace_back(*format);
}

PluginRuntime::~PluginRuntime() {
  if (library_ != nullptr) plugin_->library_close(library_);
}

Result<std::shared_ptr<PluginRuntime>> PluginRuntime::Open(const triune_runtime_plugin* plugin,
                                                           std::string library_path) {
  TRIUNE_ASSIGN_OR_RETURN(void* handle, OpenSharedObject(library_path));
  std::shared_ptr<PluginRuntime> runtime(new PluginRuntime(plugin, std::move(library_path)));
  triune_error error{};
  int code = plugin->library_open(handle, &PluginHost(), &runtime->library_, &error);
  TRIUNE_RETURN_IF_ERROR(PluginStatus(code, error).WithContext(runtime->library_path_));
  runtime->version_ = plugin->library_version(runtime->library_);
  return runtime;
}

Result<std::unique_ptr<Model>> PluginRuntime::Load(const ModelSource& source) {
  std::vector<triune_parameter> parameters;
  parameters.reserve(source.parameters.size());
  for (const auto& [key, value] : source.parameters) parameters.push_back({key.c_str(), value.c_str()});
  triune_model_config config{.name = source.name.c_str(),
                             .path = source.path.c_str(),
                             .format = source.format.c_str(),
                             .parameters = parameters.data(),
                             .parameter_count = static_cast<uint32_t>(parameters.size())};
  triune_model* model = nullptr;
  triune_error error{};
  int code;
  {
    std::lock_guard lock(load_mutex_);
    code = plugin_->model_load(library_, &config, &model, &error);
  }
  TRIUNE_RETURN_IF_ERROR(PluginStatus(code, error));
  return PluginModel::Make(shared_from_this(), plugin_, model);
}

}  // namespace triune::model
