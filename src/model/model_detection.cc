#include "model/model_detection.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "model/file_pattern.h"

namespace triune::model {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostNamesInMessage = 20;

struct Candidate {
  DetectedModel model;
  bool by_pattern = false;  ///< It has a name of its own ("iris.onnx"), not one that says "the model" ("model.onnx").
  size_t rank = 0;          ///< Of the pattern among its plug-in's; lower is better.
};

bool Knows(const triune_runtime_plugin& plugin, std::string_view format) {
  for (const char* const* name = plugin.formats; *name != nullptr; ++name) {
    if (*name == format) return true;
  }
  return false;
}

bool Probe(const triune_runtime_plugin& plugin, const fs::path& file) {
  return plugin.model_probe == nullptr || plugin.model_probe(file.c_str()) != 0;
}

/// The first of the plug-in's patterns that the name matches.
std::optional<size_t> RankOf(const triune_runtime_plugin& plugin, const std::string& name) {
  for (size_t i = 0; plugin.model_files[i] != nullptr; ++i) {
    const char* pattern[] = {plugin.model_files[i], nullptr};
    if (MatchesAny(name, pattern)) return i;
  }
  return std::nullopt;
}

/// All that may be models among the files, best first.
std::vector<Candidate> Candidates(std::span<const triune_runtime_plugin* const> plugins,
                                  const std::vector<fs::path>& files, std::string_view format) {
  std::vector<Candidate> candidates;
  for (const fs::path& file : files) {
    for (const triune_runtime_plugin* plugin : plugins) {
      if (!format.empty() && !Knows(*plugin, format)) continue;
      std::optional<size_t> rank = RankOf(*plugin, file.filename());
      if (!rank || !Probe(*plugin, file)) continue;
      std::string found(format.empty() ? std::string_view(plugin->formats[0]) : format);
      bool by_pattern = std::string_view(plugin->model_files[*rank]).find_first_of("*?[") != std::string_view::npos;
      candidates.push_back({{file.string(), std::move(found)}, by_pattern, *rank});
    }
  }
  std::ranges::stable_sort(candidates, {}, [](const Candidate& c) { return std::pair(c.by_pattern, c.rank); });
  return candidates;
}

std::string KnownNames(std::span<const triune_runtime_plugin* const> plugins, std::string_view format) {
  std::string text;
  for (const triune_runtime_plugin* plugin : plugins) {
    if (!format.empty() && !Knows(*plugin, format)) continue;
    text += StrCat(text.empty() ? "" : "; ", plugin->formats[0], ":");
    for (const char* const* pattern = plugin->model_files; *pattern != nullptr; ++pattern) {
      text += StrCat(" ", *pattern);
    }
  }
  return text.empty() ? "nothing (no runtime plug-ins)" : text;
}

std::string NamesOf(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size() && i < kMostNamesInMessage; ++i) {
    text += (text.empty() ? "" : ", ") + names[i];
  }
  if (names.size() > kMostNamesInMessage) text += StrCat(" and ", names.size() - kMostNamesInMessage, " more");
  return text.empty() ? "no files" : text;
}

std::optional<int64_t> VersionOf(const std::string& name) {
  int64_t version = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), version);
  if (error != std::errc() || end != name.data() + name.size() || version < 0) return std::nullopt;
  return version;
}

/// What lies in a folder; hidden files do not count.
struct Listing {
  std::vector<fs::path> files;
  std::vector<std::string> names;          ///< For messages; folders end with '/'.
  std::optional<fs::path> newest_version;  ///< The sub-folder with the highest number for a name.
};

Result<Listing> List(const fs::path& folder) {
  Listing listing;
  int64_t highest = -1;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename();
    if (name.starts_with('.')) continue;
    std::error_code ignored;
    if (it->is_directory(ignored)) {
      listing.names.push_back(name + "/");
      std::optional<int64_t> version = VersionOf(name);
      if (version && *version > highest) {
        highest = *version;
        listing.newest_version = it->path();
      }
    } else {
      listing.names.push_back(name);
      listing.files.push_back(it->path());
    }
  }
  if (error) return PermissionDenied(StrCat("can't list ", folder.string(), ": ", error.message()));
  std::ranges::sort(listing.names);
  std::ranges::sort(listing.files);
  return listing;
}

Result<DetectedModel> Choose(const std::vector<Candidate>& candidates) {
  const Candidate& best = candidates.front();
  std::vector<std::string> rivals;
  bool one_format = true;
  for (const Candidate& other : candidates) {
    // Of names like iris.onnx and rose.onnx none is better than another.
    bool is_rival = best.by_pattern ? other.model.path != best.model.path || other.rank == best.rank
                                    : !other.by_pattern && other.rank == best.rank;
    if (!is_rival) continue;
    rivals.push_back(StrCat(other.model.path, " (", other.model.format, ")"));
    one_format = one_format && other.model.format == best.model.format;
  }
  if (rivals.size() < 2) return best.model;
  if (!one_format) return InvalidArgument("models of several formats found, name the format: " + NamesOf(rivals));
  return InvalidArgument(StrCat("more than one model file found: got ", NamesOf(rivals),
                                ", want one, or the path of one of them as the model's"));
}

}  // namespace

Result<DetectedModel> DetectModel(std::span<const triune_runtime_plugin* const> plugins, const std::string& path,
                                  std::string_view format) {
  std::error_code error;
  fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    bool hidden = error && error != std::errc::no_such_file_or_directory;
    return NotFound(StrCat("no model at ", path, hidden ? ": " + error.message() : ""));
  }
  if (!fs::is_directory(status)) {
    // A format that the user named needs no telling name.
    if (!format.empty()) return DetectedModel{path, std::string(format)};
    std::vector<Candidate> candidates = Candidates(plugins, {path}, format);
    if (!candidates.empty()) return Choose(candidates);
    return InvalidArgument(StrCat("model format not recognised: got ", path, ", want ", KnownNames(plugins, format)));
  }
  TRIUNE_ASSIGN_OR_RETURN(Listing listing, List(path));
  std::vector<Candidate> candidates = Candidates(plugins, listing.files, format);
  if (!candidates.empty()) return Choose(candidates);
  if (listing.newest_version) {
    TRIUNE_ASSIGN_OR_RETURN(Listing version, List(*listing.newest_version));
    candidates = Candidates(plugins, version.files, format);
    if (!candidates.empty()) return Choose(candidates);
    return InvalidArgument(StrCat("no model recognised in ", listing.newest_version->string(), ": got ",
                                  NamesOf(version.names), ", want ", KnownNames(plugins, format)));
  }
  return InvalidArgument(StrCat("no model recognised in ", path, ": got ", NamesOf(listing.names), ", want ",
                                KnownNames(plugins, format)));
}

}  // namespace triune::model
