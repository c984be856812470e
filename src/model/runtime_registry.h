// Finds the plug-ins and the libraries they adapt, opens them when first needed, and says what a model folder holds.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "model/runtime.h"
#include "model/runtime_catalog.h"
#include "model/runtime_search.h"
#include "triune/status.h"

namespace triune::model {

/// What is known of one runtime.
struct RuntimeInfo {
  std::string name;                  ///< "onnx"
  std::string title;                 ///< "ONNX Runtime"
  std::vector<std::string> formats;  ///< "onnx"
  std::string plugin_path;
  std::string library_path;  ///< Empty when no library was found.
  std::string version;       ///< Empty when none was found or it could not be opened.
  Status status;             ///< Why it can't be used; says how to install it.
};

/// The runtimes that come as plug-ins. Thread-safe.
class RuntimeRegistry final : public RuntimeCatalog {
 public:
  explicit RuntimeRegistry(RuntimeSearch search);
  ~RuntimeRegistry() override;

  /// All plug-ins, each opened with its library where there is one, by name.
  std::vector<RuntimeInfo> List();
  Result<std::shared_ptr<ModelRuntime>> ForFormat(std::string_view format) override;
  Result<DetectedModel> Detect(const std::string& path, std::string_view format) override;

 private:
  struct Entry;
  /// All under mutex_.
  void OpenPlugins();
  Status OpenLibrary(Entry& entry);

  RuntimeSearch search_;
  std::mutex mutex_;
  bool opened_plugins_ = false;
  std::vector<std::unique_ptr<Entry>> entries_;  ///< By name.
};

}  // namespace triune::model
