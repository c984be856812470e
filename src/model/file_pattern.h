// Files by the patterns of their names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace triune::model {

/// Paths below `folder` that match the shell pattern, highest version number first ("1.10" before "1.9").
std::vector<std::string> Glob(const std::string& folder, std::string_view pattern);
/// The folders in `folder`, highest version number first.
std::vector<std::string> Subfolders(const std::string& folder);
/// Whether a file name matches one of a null-terminated list of shell patterns.
bool MatchesAny(const std::string& name, const char* const* patterns);

}  // namespace triune::model
