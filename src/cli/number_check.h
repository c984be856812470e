// Checks of numbers on the command line, whose messages say what is wanted.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>

namespace triune::cli {

/// "want a number from 0 to 65535, got 'abc'".
CLI::Validator WholeNumber(uint64_t least, uint64_t most = std::numeric_limits<uint64_t>::max());
/// Seconds, also parts of one: "want a number above 0, got '-1'".
enum class Zero : uint8_t { kRefused, kAllowed };
CLI::Validator PositiveNumber(Zero zero = Zero::kRefused);

}  // namespace triune::cli
