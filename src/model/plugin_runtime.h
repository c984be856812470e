// Model runtimes that come as plug-ins: the C interface of triune/runtime.h as ModelRuntime and Model.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "model/runtime.h"
#include "triune/runtime.h"

namespace triune::model {

/// A plug-in with its library. Loads one model at a time; loaded models keep it alive. Thread-safe.
class PluginRuntime final : public ModelRuntime, public std::enable_shared_from_this<PluginRuntime> {
 public:
  /// Opens the plug-in at `path`. FailedPrecondition when it is none, or was built for another version of the
  /// interface.
  static Result<const triune_runtime_plugin*> OpenPlugin(const std::string& path);
  /// Opens the library at `library_path` and hands it to the plug-in.
  static Result<std::shared_ptr<PluginRuntime>> Open(const triune_runtime_plugin* plugin, std::string library_path);

  ~PluginRuntime() override;
  PluginRuntime(const PluginRuntime&) = delete;
  PluginRuntime& operator=(const PluginRuntime&) = delete;

  std::string_view name() const override { return plugin_->name; }
  std::string_view version() const override { return version_; }
  std::string_view library_path() const override { return library_path_; }
  const std::vector<std::string>& formats() const override { return formats_; }
  Result<std::unique_ptr<Model>> Load(const ModelSource& source) override;

 private:
  PluginRuntime(const triune_runtime_plugin* plugin, std::string library_path);

  const triune_runtime_plugin* plugin_;
  std::string library_path_;
  std::string version_;
  std::vector<std::string> formats_;
  std::mutex load_mutex_;
  triune_library* library_ = nullptr;
};

/// The Status of what a plug-in's function returned.
Status PluginStatus(int code, const triune_error& error);

}  // namespace triune::model
