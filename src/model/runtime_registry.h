// Finds the plug-ins and the libraries they adapt, opens them when first needed, and says what a model folder holds.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/runtime.h"
#include "model/runtime_search.h"

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

/// A model on disk: which file of a folder, in which format.
struct DetectedModel {
  std::string path;
  std::string format;
};

/// Thread-safe. The runtimes that it hands out may outlive it.
class RuntimeRegistry {
 public:
  explicit RuntimeRegistry(RuntimeSearch search);
  ~RuntimeRegistry();

  /// All plug-ins, each opened with its library where there is one, by name.
  std::vector<RuntimeInfo> List();
  /// The runtime that loads `format`, opened on first use. NotFound: no plug-in knows the format (says which are
  /// known), or its library is missing (says where it was looked for and how to install it). FailedPrecondition: a
  /// library is there but can't be used.
  Result<std::shared_ptr<ModelRuntime>> ForFormat(std::string_view format);
  /// Finds the model file in `path` (a file, or a folder; also a folder with one sub-folder per version, of which the
  /// highest number is taken) and its format, from the plug-ins' file names or, when `format` is not empty, only those
  /// of its plug-in. Opens plug-ins but no library. NotFound when there is nothing at `path`; InvalidArgument when the
  /// format is not recognised: names the files found and what is known.
  Result<DetectedModel> Detect(const std::string& path, std::string_view format);

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
