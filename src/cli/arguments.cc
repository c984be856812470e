#include "cli/arguments.h"

#include <algorithm>
#include <cctype>

namespace triune::cli {
namespace {

/// "--http_port" of "--http_port=8080"; empty for what is no long option.
std::string OptionName(const std::string& argument) {
  return argument.starts_with("--") ? argument.substr(0, argument.find('=')) : "";
}

bool IsPartOfName(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_'; }

}  // namespace

std::vector<std::string> NormalizeArguments(std::vector<std::string> arguments) {
  if (!arguments.empty() && arguments[0] == "run") return arguments;
  for (std::string& argument : arguments) {
    if (argument == "--") break;
    if (!argument.starts_with("--")) continue;
    auto name_end = std::ranges::find(argument, '=');
    std::replace(argument.begin(), name_end, '_', '-');
  }
  return arguments;
}

std::string NameAsTyped(std::string message, const std::vector<std::string>& typed) {
  std::vector<std::string> normalized = NormalizeArguments(typed);
  for (size_t i = 0; i < typed.size(); ++i) {
    std::string name = OptionName(normalized[i]);
    std::string as_typed = OptionName(typed[i]);
    if (name.empty() || name == as_typed) continue;
    for (size_t at = 0; (at = message.find(name, at)) != std::string::npos; at += name.size()) {
      size_t end = at + name.size();
      bool whole =
          (at == 0 || !IsPartOfName(message[at - 1])) && (end == message.size() || !IsPartOfName(message[end]));
      if (whole) message.replace(at, name.size(), as_typed);
    }
  }
  return message;
}

std::vector<std::string> HelpAsOption(std::vector<std::string> arguments) {
  if (arguments.empty() || arguments[0] != "help") return arguments;
  arguments.erase(arguments.begin());
  arguments.emplace_back("--help");
  return arguments;
}

}  // namespace triune::cli
