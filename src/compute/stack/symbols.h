// Names of functions, by address: also of those that the program does not export.
#pragma once

#include <cstdint>
#include <string>

namespace triune::compute {

struct CodeAddress {
  std::string symbol{};  ///< Mangled; empty when it can't be told.
  std::string text{};    ///< "app::Parse(std::string const&) at program+0x1a2b", or without the name. For addr2line.
};

/// Of an instruction in memory. The first call for a file reads its symbols, which stay in memory. Thread-safe.
CodeAddress LookUpAddress(uintptr_t address);

}  // namespace triune::compute
