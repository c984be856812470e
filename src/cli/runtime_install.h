// Installs a model runtime into the user's folder.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cli/runtime_list.h"
#include "triune/status.h"

namespace triune::cli {

struct InstalledRuntime {
  std::string library;            ///< Its path.
  bool was_there_before = false;  ///< Nothing was done.
};

/// Fetches the runtime's wheel with pip (whose own settings for indexes and proxies hold), verifies its SHA-256 before
/// anything of it is unpacked, and puts its files into FOLDER/NAME/VERSION, all or none: they are unpacked beside it
/// and renamed. `progress` is told what happens. FailedPrecondition: no python3 or no pip. Unavailable: pip failed.
/// Internal: the hash differs.
Result<InstalledRuntime> InstallRuntime(const PinnedRuntime& runtime, const std::string& folder,
                                        const std::function<void(std::string_view)>& progress);

/// The SHA-256 of a file, as 64 lower-case hex digits.
Result<std::string> Sha256OfFile(const std::string& path);

}  // namespace triune::cli
