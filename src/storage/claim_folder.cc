#include "storage/claim_folder.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/strings.h"
#include "storage/file_errors.h"

namespace triune::storage {
namespace {

namespace fs = std::filesystem;

/// A model of more files than this is a mistake, such as the root of a claim with thousands of models.
constexpr int kMostFiles = 100'000;

/// Both absolute and without links.
bool IsInside(const fs::path& folder, const fs::path& path) {
  return std::ranges::mismatch(folder, path).in1 == folder.end();
}

Status LeavesClaim(const fs::path& path) {
  return PermissionDenied(StrCat("path leads out of the folder of its claim: got ", path.string()));
}

/// Follows every link below `path`; folders behind links are not entered, their own turn comes or they are outside.
Status CheckLinksInside(const fs::path& folder, const fs::path& path) {
  std::error_code error;
  int files = 0;
  fs::recursive_directory_iterator entries(path, error);
  for (; !error && entries != fs::recursive_directory_iterator(); entries.increment(error)) {
    if (++files > kMostFiles) {
      return InvalidArgument(
          StrCat("model folder has too many files: want at most ", kMostFiles, ", in ", path.string()));
    }
    if (!entries->is_symlink(error)) continue;
    std::error_code dangling;
    fs::path target = fs::canonical(entries->path(), dangling);
    // A link to nothing can't be read through, and so does no harm.
    if (!dangling && !IsInside(folder, target)) return LeavesClaim(entries->path());
  }
  return error ? FileError(error, path.string()) : Status();
}

}  // namespace

Result<std::string> ResolveInside(const std::string& folder, std::string_view relative) {
  std::error_code error;
  fs::path root = fs::canonical(folder, error);
  if (error) return FileError(error, folder).WithContext("folder of the claim");
  // Without the slashes that would make it absolute, and drop the root.
  relative.remove_prefix(std::min(relative.find_first_not_of('/'), relative.size()));
  fs::path lexical = fs::path(relative).lexically_normal();
  if (!lexical.empty() && *lexical.begin() == "..") return LeavesClaim(relative);
  fs::path wanted = root / lexical;
  fs::path found = fs::canonical(wanted, error);
  if (error) return FileError(error, wanted.string());
  if (!IsInside(root, found)) return LeavesClaim(wanted);
  TRIUNE_RETURN_IF_ERROR(CheckKind(found.string()));
  if (fs::is_directory(found, error)) TRIUNE_RETURN_IF_ERROR(CheckLinksInside(root, found));
  return found.string();
}

}  // namespace triune::storage
