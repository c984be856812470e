// Finds the plug-ins and the libraries they adapt, opens them when first needed, and says what a model folder holds.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/runtime.h"

namespace triune::model {

/// Where to look for runtimes' libraries. In this order: `paths`, the user folder, the active Python environment, the
/// system's library folders.
struct RuntimeSearch {
  std::string plugin_folder;               ///< Of triune_runtime_*.so; normally the folder of the binary.
  std::vector<std::string> paths;          ///< --runtime-path: folders that hold a library, or roots of wheels.
  std::string user_folder;                 ///< Where `triune runtimes install` puts them; may be missing.
  std::vector<std::string> site_packages;  ///< Of the active Python environment.
  std::vector<std::string> system_folders;

  /// What the environment says: $XDG_DATA_HOME or ~/.local/share/triune/runtimes, $VIRTUAL_ENV or the python3 on the
  /// PATH (its site-packages found from the file system, without running it), the loader's standard folders.
  static RuntimeSearch FromEnvironment();
};

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
  /// The runtime that loads `format`, opened on first use. NotFound: no plug-in knows the format (says which are known), or
  /// its library is missing (says where it was looked for and how to install it).
  Result<std::shared_ptr<ModelRuntime>> ForFormat(std::string_view format);
  /// Finds the model file in `path` (a file, or a folder; also a folder with one sub-folder per version, of which the
  /// highest number is taken) and its format, from the plug-ins' file names or, when `format` is not empty, only those of
  /// its plug-in. Opens plug-ins but no library.
  Result<DetectedModel> Detect(const std::string& path, std::string_view format);

 private:
  struct Entry;
  RuntimeSearch search_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Entry>> entries_;
};

}  // namespace triune::model
