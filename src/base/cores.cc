#include "base/cores.h"

#include <sched.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <sstream>

#include "base/strings.h"

namespace triune {
namespace {

/// Microseconds of CPU time per period of as many microseconds.
std::optional<int> Cores(int64_t quota, int64_t period) {
  if (quota <= 0 || period <= 0) return std::nullopt;
  constexpr int64_t kMost = 1 << 20;
  return static_cast<int>(std::min(kMost, quota / period + (quota % period != 0 ? 1 : 0)));
}

/// "150000 100000", or "max 100000" for no limit.
std::optional<int> ReadVersion2(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  int64_t quota = 0;
  int64_t period = 0;
  return file >> quota >> period ? Cores(quota, period) : std::nullopt;
}

std::optional<int> ReadVersion1(const std::string& folder) {
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us");
  std::ifstream period_file(folder + "/cpu.cfs_period_us");
  int64_t quota = 0;
  int64_t period = 0;
  return quota_file >> quota && period_file >> period ? Cores(quota, period) : std::nullopt;
}

/// The least quota from the group up to the mount. Groups that can't be seen are passed over: in a container, the mount
/// is often the group itself, while /proc names the path outside.
template <typename Read>
std::optional<int> LeastUpwards(const std::string& mount, std::string group, Read read) {
  std::optional<int> least;
  while (true) {
    if (auto cores = read(mount + group)) least = std::min(*cores, least.value_or(*cores));
    size_t slash = group.rfind('/');
    if (group.empty() || slash == std::string::npos) return least;
    group.resize(slash);
  }
}

/// Whether a list such as "cpu,cpuacct" names the controller.
bool HasCpu(const std::string& controllers) {
  std::istringstream list(controllers);
  for (std::string name; std::getline(list, name, ',');) {
    if (name == "cpu") return true;
  }
  return false;
}

}  // namespace

std::optional<int> CoresOfQuota(const std::string& root) {
  std::optional<int> least;
  auto consider = [&](std::optional<int> cores) {
    if (cores) least = std::min(*cores, least.value_or(*cores));
  };
  std::ifstream groups(root + "/proc/self/cgroup");
  // "0::/kubepods/pod1" in version 2, "4:cpu,cpuacct:/kubepods/pod1" in version 1; both at once on hybrid systems.
  for (std::string line; std::getline(groups, line);) {
    size_t first = line.find(':');
    size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    std::string controllers = line.substr(first + 1, second - first - 1);
    std::string group = line.substr(second + 1);
    std::string mounts = root + "/sys/fs/cgroup";
    if (controllers.empty()) {
      consider(LeastUpwards(mounts, group, ReadVersion2));
    } else if (HasCpu(controllers)) {
      for (const std::string& name : {controllers, std::string("cpu")}) {
        consider(LeastUpwards(StrCat(mounts, "/", name), group, ReadVersion1));
      }
    }
  }
  return least;
}

int AvailableCores() {
  int cores = 1;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) cores = std::max(1, CPU_COUNT(&set));
  return std::min(cores, CoresOfQuota("").value_or(cores));
}

}  // namespace triune
