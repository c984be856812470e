// The command line, before it is parsed.
#pragma once

#include <string>
#include <vector>

namespace triune::cli {

/// Replaces '_' by '-' in the names of long options, so that KServe's spelling is accepted: --http_port=8080 becomes
/// --http-port=8080. Values, positional arguments and everything after "--" stay as they are, and so does all of `run`,
/// which has arguments of another program.
std::vector<std::string> NormalizeArguments(std::vector<std::string> arguments);

/// `message` about normalized arguments, with the options named as they were typed.
std::string NameAsTyped(std::string message, const std::vector<std::string>& typed);

/// `help serve` becomes `serve --help`, `help` alone `--help`.
std::vector<std::string> HelpAsOption(std::vector<std::string> arguments);

}  // namespace triune::cli
