#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "model/file_pattern.h"
#include "model/runtime_search.h"

namespace triune::model {
namespace {

namespace fs = std::filesystem;

/// What lies below the prefix of an installation or of a virtual environment.
std::vector<std::string> BelowPrefix(const fs::path& prefix) {
  std::vector<std::string> folders = Glob(prefix, "lib/python3*/site-packages");
  // Debian keeps its packages apart.
  if (prefix == "/usr") {
    for (const std::string& folder : Glob("/usr/local", "lib/python3*/dist-packages")) folders.push_back(folder);
    for (const std::string& folder : Glob(prefix, "lib/python3/dist-packages")) folders.push_back(folder);
  }
  return folders;
}

/// pyenv puts a script in front of Python, which picks the version that a file or a variable names.
fs::path PyenvPrefix(const fs::path& shims) {
  fs::path root = shims.parent_path();
  std::string version;
  if (const char* named = std::getenv("PYENV_VERSION"); named != nullptr) {
    version = named;
  } else if (std::ifstream file(root / "version"); file) {
    std::getline(file, version);
  }
  return root / "versions" / version.substr(0, version.find(':'));
}

fs::path PrefixOf(const fs::path& python) {
  fs::path folder = python.parent_path();
  if (folder.filename() == "shims") return PyenvPrefix(folder);
  std::error_code error;
  // The python3 of a virtual environment is a link out of it.
  if (fs::exists(folder.parent_path() / "pyvenv.cfg", error)) return folder.parent_path();
  fs::path real = fs::canonical(python, error);
  return error ? folder.parent_path() : real.parent_path().parent_path();
}

fs::path FindOnPath(std::string_view path, const char* program) {
  while (!path.empty()) {
    size_t colon = std::min(path.find(':'), path.size());
    fs::path candidate = fs::path(path.substr(0, colon)) / program;
    if (colon > 0 && access(candidate.c_str(), X_OK) == 0) return candidate;
    path.remove_prefix(std::min(colon + 1, path.size()));
  }
  return {};
}

}  // namespace

std::vector<std::string> PythonSitePackages(std::string_view path) {
  for (const char* variable : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    const char* prefix = std::getenv(variable);
    if (prefix != nullptr && *prefix != 0) return BelowPrefix(prefix);
  }
  fs::path python = FindOnPath(path, "python3");
  if (python.empty()) return {};
  std::vector<std::string> folders = BelowPrefix(PrefixOf(python));
  if (const char* home = std::getenv("HOME"); home != nullptr) {
    for (const std::string& folder : Glob(std::string(home) + "/.local", "lib/python3*/site-packages")) {
      folders.push_back(folder);
    }
  }
  return folders;
}

}  // namespace triune::model
