#include "compute/state/session_environment.h"

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <type_traits>

#include "compute/state/state_server.h"

namespace triune::compute {
namespace {

/// As many threads as there can be.
constexpr int kMostCpus = 1024;
constexpr double kMostBytes = 1e18;

template <typename Number>
Status Read(const char* name, Number most, Number* option) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == 0 || *option != 0) return {};
  const std::string_view digits = text;
  Number number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error == std::errc() && end == digits.data() + digits.size() && number >= 1 && number <= most) {
    *option = number;
    return {};
  }
  return InvalidArgument(std::string(name) + " is not a " + (std::is_integral_v<Number> ? "whole " : "") +
                         "number from 1 to " + std::to_string(static_cast<int64_t>(most)) + ": '" + text +
                         "'; the default holds");
}

std::string PathFrom(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? std::string() : text;
}

}  // namespace

std::pair<SessionOptions, Status> WithEnvironment(SessionOptions options) {
  Status status = Read("TRIUNE_CPUS", kMostCpus, &options.cpus);
  Status memory = Read("TRIUNE_MEMORY", kMostBytes, &options.memory);
  if (status.ok()) status = std::move(memory);
  Status object_memory = Read("TRIUNE_OBJECT_MEMORY", uint64_t{1} << 60U, &options.object_memory);
  if (status.ok()) status = std::move(object_memory);
  if (options.trace_file.empty()) {
    static std::atomic<bool> is_taken{false};
    std::string path = PathFrom("TRIUNE_TRACE");
    if (!path.empty() && !is_taken.exchange(true)) options.trace_file = std::move(path);
  }
  if (options.state_socket.empty()) {
    std::string path = PathFrom("TRIUNE_STATE_SOCKET");
    if (!StateServer::Serves(path)) options.state_socket = std::move(path);
  }
  return {std::move(options), std::move(status)};
}

}  // namespace triune::compute
