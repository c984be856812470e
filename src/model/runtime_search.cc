#include "model/runtime_search.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "model/file_pattern.h"

namespace triune::model {
namespace {

namespace fs = std::filesystem;

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

void AppendPathList(std::string_view list, std::vector<std::string>& paths) {
  while (!list.empty()) {
    size_t colon = std::min(list.find(':'), list.size());
    if (colon > 0) paths.emplace_back(list.substr(0, colon));
    list.remove_prefix(std::min(colon + 1, list.size()));
  }
}

std::string UserFolder() {
  std::string data = Environment("XDG_DATA_HOME");
  if (data.empty()) {
    std::string home = Environment("HOME");
    if (home.empty()) return "";
    data = home + "/.local/share";
  }
  return data + "/triune/runtimes";
}

std::string FolderOfBinary() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path().string();
}

#if defined(__aarch64__)
constexpr const char* kMultiarch = "/usr/lib/aarch64-linux-gnu";
#else
constexpr const char* kMultiarch = "/usr/lib/x86_64-linux-gnu";
#endif

/// The libraries in one folder; what is found first is best.
class Finder {
 public:
  explicit Finder(const triune_runtime_plugin& plugin) : plugin_(plugin) {}

  void Folder(const std::string& folder) { Match(folder, plugin_.library_names); }
  void SitePackages(const std::string& folder) { Match(folder, plugin_.python_locations); }
  /// FOLDER/NAME/VERSION/, the highest version first.
  void Versions(const std::string& folder) {
    for (const std::string& version : Subfolders(folder + "/" + plugin_.name)) Any(version);
  }
  void Any(const std::string& folder) {
    Folder(folder);
    SitePackages(folder);
  }
  /// One of --runtime-path.
  void Path(const std::string& path) {
    std::error_code error;
    if (fs::is_regular_file(path, error)) {
      std::string name = fs::path(path).filename();
      if (MatchesAny(name, plugin_.library_names)) Add(path);
      return;
    }
    Any(path);
    Versions(path);
  }
  std::vector<std::string> Take() { return std::move(found_); }

 private:
  void Match(const std::string& folder, const char* const* patterns) {
    for (; *patterns != nullptr; ++patterns) {
      for (const std::string& file : Glob(folder, *patterns)) Add(file);
    }
  }
  /// Links to one file count once.
  void Add(const std::string& file) {
    std::error_code error;
    std::string real = fs::canonical(file, error).string();
    if (!error && std::ranges::find(found_, real) == found_.end()) found_.push_back(real);
  }

  const triune_runtime_plugin& plugin_;
  std::vector<std::string> found_;
};

}  // namespace

RuntimeSearch RuntimeSearch::FromEnvironment() {
  RuntimeSearch search;
  search.plugin_folder = FolderOfBinary();
  AppendPathList(Environment("TRIUNE_RUNTIME_PATH"), search.paths);
  search.user_folder = UserFolder();
  search.site_packages = PythonSitePackages(Environment("PATH"));
  AppendPathList(Environment("LD_LIBRARY_PATH"), search.system_folders);
  for (const char* folder : {"/usr/local/lib", kMultiarch, "/usr/lib64", "/usr/lib"}) {
    search.system_folders.emplace_back(folder);
  }
  return search;
}

std::vector<std::string> RuntimeSearch::Libraries(const triune_runtime_plugin& plugin) const {
  Finder finder(plugin);
  for (const std::string& path : paths) finder.Path(path);
  if (!user_folder.empty()) finder.Versions(user_folder);
  for (const std::string& folder : site_packages) finder.SitePackages(folder);
  for (const std::string& folder : system_folders) finder.Folder(folder);
  return finder.Take();
}

std::string RuntimeSearch::Places() const {
  std::vector<std::string> all = paths;
  if (!user_folder.empty()) all.push_back(user_folder);
  all.insert(all.end(), site_packages.begin(), site_packages.end());
  all.insert(all.end(), system_folders.begin(), system_folders.end());
  std::string text;
  for (const std::string& place : all) {
    // A folder that the user named is worth a mention also when it is missing.
    std::error_code error;
    bool named = std::ranges::find(paths, place) != paths.end();
    if (!named && !fs::exists(place, error)) continue;
    text += (text.empty() ? "" : ", ") + place;
  }
  return text.empty() ? "nowhere" : text;
}

}  // namespace triune::model
