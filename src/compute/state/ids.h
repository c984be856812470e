// Numbers of tasks, actors and others, as they are shown.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace triune::compute {

/// 16 hexadecimal digits; nothing for 0.
inline std::string HexId(uint64_t id) {
  if (id == 0) return {};
  char digits[17];
  std::snprintf(digits, sizeof(digits), "%016llx", static_cast<unsigned long long>(id));
  return digits;
}

}  // namespace triune::compute
