#include "cli/arguments.h"

#include <algorithm>

namespace triune::cli {

std::vector<std::string> NormalizeArguments(std::vector<std::string> arguments) {
  for (std::string& argument : arguments) {
    if (argument == "--") break;
    if (!argument.starts_with("--")) continue;
    auto name_end = std::ranges::find(argument, '=');
    std::replace(argument.begin(), name_end, '_', '-');
  }
  return arguments;
}

}  // namespace triune::cli
