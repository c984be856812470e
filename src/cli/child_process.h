// Programs that a command runs.
#pragma once

#include <string>
#include <vector>

#include "triune/status.h"

namespace triune::cli {

/// Runs the program (looked for on the PATH) with nothing on its standard input, and waits for it. FailedPrecondition
/// when it can't be started; Unavailable when it fails: the message is the end of what it wrote.
Status RunChild(const std::vector<std::string>& command);

}  // namespace triune::cli
