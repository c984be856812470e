#include "compute/process/environment.h"

#include <filesystem>
#include <string>
#include <system_error>

namespace triune::compute {
namespace {

Status CheckName(const std::string& name) {
  if (name.empty()) return InvalidArgument("runtime_env: the name of a variable is empty");
  if (name.find('=') != std::string::npos) {
    return InvalidArgument("runtime_env: the name of a variable has a '=' in it: " + name);
  }
  if (name.find('\0') != std::string::npos) {
    return InvalidArgument("runtime_env: the name of a variable has a zero in it: " + std::string(name.c_str()));
  }
  if (name == kRoleVariable) return InvalidArgument("runtime_env: " + name + " is for Triune's own use");
  return {};
}

}  // namespace

Status CheckRuntimeEnv(const RuntimeEnv& environment, Isolation isolation) {
  if (environment.empty()) return {};
  if (isolation != Isolation::kProcess) {
    return InvalidArgument("runtime_env is for isolation kProcess: threads have that of the program");
  }
  for (const auto& [name, value] : environment.env_vars) {
    TRIUNE_RETURN_IF_ERROR(CheckName(name));
    if (value.find('\0') != std::string::npos) {
      return InvalidArgument("runtime_env: the value of a variable has a zero in it: " + name);
    }
  }
  std::error_code error;
  if (!environment.working_dir.empty() && !std::filesystem::is_directory(environment.working_dir, error)) {
    return InvalidArgument("runtime_env: there is no such working_dir: " + environment.working_dir);
  }
  return {};
}

WorkerSetting SettingOf(const RuntimeEnv& environment) {
  WorkerSetting setting;
  for (const auto& [name, value] : environment.env_vars) setting.environment.push_back(name + "=" + value);
  if (!environment.working_dir.empty()) {
    std::error_code error;
    const std::filesystem::path absolute = std::filesystem::absolute(environment.working_dir, error);
    setting.working_directory = error ? environment.working_dir : absolute.lexically_normal().string();
  }
  return setting;
}

}  // namespace triune::compute
