#include "cli/runtime_list.h"

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace triune::cli {
namespace {

PinnedRuntime ReadRuntime(const nlohmann::json& item) {
  PinnedRuntime runtime{item.at("name"), item.at("package"), item.at("version"), item.at("library"), {}};
  for (const nlohmann::json& wheel : item.at("wheels")) {
    runtime.wheels.push_back({wheel.at("platform"), wheel.at("file"), wheel.at("sha256")});
  }
  return runtime;
}

}  // namespace

const PinnedWheel* PinnedRuntime::WheelForThisMachine() const {
  auto found = std::ranges::find(wheels, ThisPlatform(), &PinnedWheel::platform);
  return found != wheels.end() ? &*found : nullptr;
}

Result<std::vector<PinnedRuntime>> ParseRuntimeList(std::string_view json) {
  try {
    std::vector<PinnedRuntime> list;
    const nlohmann::json document = nlohmann::json::parse(json);
    for (const nlohmann::json& item : document.at("runtimes")) list.push_back(ReadRuntime(item));
    return list;
  } catch (const std::exception& error) {
    return InvalidArgument(StrCat("list of runtimes is malformed: ", error.what()));
  }
}

Result<PinnedRuntime> FindPinnedRuntime(const std::vector<PinnedRuntime>& list, std::string_view name,
                                        std::string_view version) {
  std::string known;
  for (const PinnedRuntime& runtime : list) {
    if (runtime.name == name && (version.empty() || runtime.version == version)) return runtime;
    known += StrCat(known.empty() ? "" : ", ", runtime.name, " ", runtime.version);
  }
  return NotFound(StrCat("no such runtime in the list of this version of triune: got ", name,
                         version.empty() ? "" : " ", version, ", want one of: ", known));
}

std::string_view ThisPlatform() {
#if defined(__x86_64__)
  return "linux-x86_64";
#elif defined(__aarch64__)
  return "linux-aarch64";
#else
  return "unknown";
#endif
}

}  // namespace triune::cli
