// How many threads are worth starting.
#pragma once

#include <optional>
#include <string>

namespace triune {

/// Cores that this process may use: those of its affinity mask, or fewer when a cgroup limits its CPU time, as
/// Kubernetes does for `limits.cpu`. At least 1.
int AvailableCores();

/// The least CPU quota of the process's cgroup and those around it, in cores, rounded up; nothing when none is limited.
/// Knows version 2 (cpu.max) and 1 (cpu.cfs_quota_us). Reads the files of /proc and /sys below `root`.
std::optional<int> CoresOfQuota(const std::string& root);

}  // namespace triune
