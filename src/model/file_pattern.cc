#include "model/file_pattern.h"

#include <fnmatch.h>
#include <glob.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

namespace triune::model {
namespace {

namespace fs = std::filesystem;

void SortByVersion(std::vector<std::string>& paths) {
  std::ranges::sort(paths,
                    [](const std::string& a, const std::string& b) { return strverscmp(a.c_str(), b.c_str()) > 0; });
}

/// The folder's own name is not a pattern.
std::string Escape(std::string_view path) {
  std::string escaped;
  for (char c : path) {
    if (std::strchr("*?[]\\", c) != nullptr) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

}  // namespace

std::vector<std::string> Glob(const std::string& folder, std::string_view pattern) {
  std::vector<std::string> paths;
  glob_t found{};
  std::string full = Escape(folder) + "/" + std::string(pattern);
  if (glob(full.c_str(), GLOB_NOSORT, nullptr, &found) == 0) {
    for (size_t i = 0; i < found.gl_pathc; ++i) paths.emplace_back(found.gl_pathv[i]);
  }
  globfree(&found);
  SortByVersion(paths);
  return paths;
}

std::vector<std::string> Subfolders(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    // Hidden ones are temporary: an installation that is under way.
    if (it->is_directory(error) && !it->path().filename().string().starts_with('.')) paths.push_back(it->path());
  }
  SortByVersion(paths);
  return paths;
}

bool MatchesAny(const std::string& name, const char* const* patterns) {
  for (; *patterns != nullptr; ++patterns) {
    if (fnmatch(*patterns, name.c_str(), FNM_PERIOD) == 0) return true;
  }
  return false;
}

}  // namespace triune::model
