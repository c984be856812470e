#include "storage/file_errors.h"

#include <filesystem>

#include "base/strings.h"

namespace triune::storage {

Status FileError(std::error_code error, const std::string& path) {
  if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory) {
    return NotFound(StrCat("no such file or folder: ", path));
  }
  if (error == std::errc::permission_denied || error == std::errc::operation_not_permitted) {
    return PermissionDenied(StrCat("file or folder may not be looked at: ", path));
  }
  if (error == std::errc::filename_too_long || error == std::errc::too_many_symbolic_link_levels) {
    return InvalidArgument(StrCat(error.message(), ": ", path));
  }
  return Internal(StrCat(error.message(), ": ", path));
}

Status CheckKind(const std::string& path) {
  std::error_code error;
  std::filesystem::file_status status = std::filesystem::status(path, error);
  if (error) return FileError(error, path);
  if (std::filesystem::is_regular_file(status) || std::filesystem::is_directory(status)) return {};
  return InvalidArgument(StrCat("neither a file nor a folder: ", path));
}

}  // namespace triune::storage
