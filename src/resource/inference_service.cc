#include "resource/inference_service.h"

#include <algorithm>
#include <array>

namespace triune::resource {
namespace {

constexpr std::array<std::string_view, 4> kProtocolNames = {"v1", "v2", "grpc-v1", "grpc-v2"};

}  // namespace

std::string_view ProtocolVersionName(ProtocolVersion version) { return kProtocolNames[static_cast<size_t>(version)]; }

std::optional<ProtocolVersion> ParseProtocolVersion(std::string_view name) {
  auto found = std::ranges::find(kProtocolNames, name);
  if (found == kProtocolNames.end()) return std::nullopt;
  return static_cast<ProtocolVersion>(found - kProtocolNames.begin());
}

}  // namespace triune::resource
