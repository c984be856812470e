// The flags of `triune serve`.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/serve_options.h"

namespace triune::cli {

/// Adds the flags and the help to `command`; parsing it fills `options`, which must outlive it.
void AddServeFlags(CLI::App& command, ServeOptions& options);

}  // namespace triune::cli
