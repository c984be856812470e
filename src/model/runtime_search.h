// Where the libraries of model runtimes lie on a machine.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "triune/runtime.h"

namespace triune::model {

/// Where to look for runtimes' libraries. In this order: `paths`, the user folder, the active Python environment, the
/// system's library folders.
struct RuntimeSearch {
  std::string plugin_folder;  ///< Of triune_runtime_*.so; normally the folder of the binary.
  /// --runtime-path, then $TRIUNE_RUNTIME_PATH: libraries, folders that hold a library or unpacked wheels, or folders
  /// laid out like the user folder.
  std::vector<std::string> paths;
  std::string user_folder;                 ///< NAME/VERSION/ holds an unpacked wheel; may be missing.
  std::vector<std::string> site_packages;  ///< Of the active Python environment.
  std::vector<std::string> system_folders;

  /// What the environment says: $TRIUNE_RUNTIME_PATH (folders, ':' between), $XDG_DATA_HOME/triune/runtimes or
  /// ~/.local/share/triune/runtimes, $VIRTUAL_ENV, $CONDA_PREFIX or the python3 on the PATH (its site-packages found
  /// from the file system, without running it), $LD_LIBRARY_PATH and the loader's standard folders.
  static RuntimeSearch FromEnvironment();

  /// Every library that the plug-in could adapt, best first: places in the order above, within one place the highest
  /// version.
  std::vector<std::string> Libraries(const triune_runtime_plugin& plugin) const;
  /// The places that exist, for messages: "a, b, c".
  std::string Places() const;
};

/// site-packages folders of the Python that a shell in this environment would run; none when there is no Python.
/// Follows $VIRTUAL_ENV and $CONDA_PREFIX, else the first python3 in `path` (a $PATH), through links and pyenv's shims.
std::vector<std::string> PythonSitePackages(std::string_view path);

}  // namespace triune::model
