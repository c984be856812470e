// Paths that must stay inside a folder.
#pragma once

#include <string>
#include <string_view>

#include "triune/status.h"

namespace triune::storage {

/// The path of `relative` below `folder`, all links followed. PermissionDenied when it, or a symbolic link anywhere in
/// the folder that it names, leads out of `folder`; NotFound when nothing is there. What changes on disk afterwards is
/// not seen.
Result<std::string> ResolveInside(const std::string& folder, std::string_view relative);

}  // namespace triune::storage
