#include "model/runtime_registry.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/strings.h"
#include "model/file_pattern.h"
#include "model/model_detection.h"
#include "model/plugin_runtime.h"
#include "telemetry/log.h"

namespace triune::model {
namespace {

/// The runtime's name, before its plug-in could be opened.
std::string NameFromPath(const std::string& plugin_path) {
  std::string name = std::filesystem::path(plugin_path).stem();
  return name.substr(std::string_view("triune_runtime_").size());
}

}  // namespace

struct RuntimeRegistry::Entry {
  RuntimeInfo info;
  const triune_runtime_plugin* plugin = nullptr;
  std::shared_ptr<PluginRuntime> runtime;
};

RuntimeRegistry::RuntimeRegistry(RuntimeSearch search) : search_(std::move(search)) {}

RuntimeRegistry::~RuntimeRegistry() = default;

void RuntimeRegistry::OpenPlugins() {
  if (std::exchange(opened_plugins_, true)) return;
  for (const std::string& path : Glob(search_.plugin_folder, "triune_runtime_*.so")) {
    auto entry = std::make_unique<Entry>();
    entry->info.plugin_path = path;
    Result<const triune_runtime_plugin*> plugin = PluginRuntime::OpenPlugin(path);
    if (plugin.ok()) {
      entry->plugin = *plugin;
      entry->info.name = entry->plugin->name;
      entry->info.title = entry->plugin->title;
      for (const char* const* format = entry->plugin->formats; *format != nullptr; ++format) {
        entry->info.formats.emplace_back(*format);
      }
    } else {
      entry->info.name = NameFromPath(path);
      entry->info.status = plugin.status();
      telemetry::LogWarning("runtime plug-in not usable", {{"path", path}, {"error", entry->info.status.message()}});
    }
    entries_.push_back(std::move(entry));
  }
  std::ranges::sort(entries_, {}, [](const std::unique_ptr<Entry>& entry) { return entry->info.name; });
}

Status RuntimeRegistry::OpenLibrary(Entry& entry) {
  if (entry.runtime != nullptr) return {};
  RuntimeInfo& info = entry.info;
  if (entry.plugin == nullptr) return info.status;
  std::string failures;
  for (const std::string& path : search_.Libraries(*entry.plugin)) {
    Result<std::shared_ptr<PluginRuntime>> runtime = PluginRuntime::Open(entry.plugin, path);
    if (runtime.ok()) {
      entry.runtime = *runtime;
      info.library_path = path;
      info.version = entry.runtime->version();
      info.status = {};
      if (!failures.empty()) {
        telemetry::LogWarning("runtime libraries passed over",
                              {{"runtime", info.name}, {"used", path}, {"errors", failures}});
      }
      return {};
    }
    if (info.library_path.empty()) info.library_path = path;
    failures += StrCat(failures.empty() ? "" : "; ", runtime.status().message());
  }
  std::string remedy = "; install it with: triune runtimes install " + info.name;
  std::string subject = StrCat("runtime '", info.name, "' (", info.title, ")");
  // Looked for again next time: it may be installed while the server runs.
  info.status = failures.empty() ? NotFound(StrCat(subject, " is not installed: looked in ", search_.Places(), remedy))
                                 : FailedPrecondition(StrCat(subject, " can't be opened: ", failures, remedy));
  return info.status;
}

std::vector<RuntimeInfo> RuntimeRegistry::List() {
  std::lock_guard lock(mutex_);
  OpenPlugins();
  std::vector<RuntimeInfo> infos;
  for (const auto& entry : entries_) {
    entry->info.status = OpenLibrary(*entry);
    infos.push_back(entry->info);
  }
  return infos;
}

Result<std::shared_ptr<ModelRuntime>> RuntimeRegistry::ForFormat(std::string_view format) {
  std::lock_guard lock(mutex_);
  OpenPlugins();
  std::string known;
  for (const auto& entry : entries_) {
    for (const std::string& name : entry->info.formats) {
      if (name == format) {
        TRIUNE_RETURN_IF_ERROR(OpenLibrary(*entry));
        return std::shared_ptr<ModelRuntime>(entry->runtime);
      }
      known += (known.empty() ? "" : ", ") + name;
    }
  }
  if (known.empty()) return NotFound("no runtime plug-ins (triune_runtime_*.so) found in " + search_.plugin_folder);
  return NotFound(StrCat("no runtime for model format '", format, "': want one of: ", known));
}

Result<DetectedModel> RuntimeRegistry::Detect(const std::string& path, std::string_view format) {
  std::vector<const triune_runtime_plugin*> plugins;
  {
    std::lock_guard lock(mutex_);
    OpenPlugins();
    for (const auto& entry : entries_) {
      if (entry->plugin != nullptr) plugins.push_back(entry->plugin);
    }
  }
  return DetectModel(plugins, path, format);
}

}  // namespace triune::model
