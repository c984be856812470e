// Model URI -> local path.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "triune/status.h"

namespace triune::storage {

struct StorageOptions {
  std::string base_folder;  ///< What relative paths are relative to; empty: the working folder.
  std::map<std::string, std::string>
      pvc_folders;  ///< Name of a PersistentVolumeClaim -> the folder that stands for it.
};

/// Whether `uri` is a URI (s3://bucket/iris, file:/iris) and no plain path.
bool HasScheme(std::string_view uri);

/// The absolute path of the file or folder that `uri` names:
///  - `/models/iris` and `models/iris`: plain paths, the second below `base_folder`;
///  - `file:///models/my%20iris`, `file://localhost/...`, `file:/...`: percent-decoded;
///  - `pvc://CLAIM/path`: below the claim's folder. Neither `..` nor symbolic links lead out of it, also not links
///    inside a folder that is named.
/// InvalidArgument when `uri` is malformed; NotFound, with the path looked at, when nothing is there;
/// FailedPrecondition for a claim without a folder; PermissionDenied for a path that leaves its claim or may not be
/// looked at; Unimplemented for other schemes. Touches the file system, so it may block.
Result<std::string> ResolveModelUri(std::string_view uri, const StorageOptions& options);

}  // namespace triune::storage
