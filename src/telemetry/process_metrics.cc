#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "telemetry/metrics.h"

namespace triune::telemetry {
namespace {

Family Single(std::string name, std::string help, MetricType type, double value) {
  return {std::move(name), std::move(help), type, {{.value = value}}};
}

/// Seconds since the epoch at which this process started, from /proc/self/stat; 0 when it can't be told.
double StartTime() {
  std::ifstream stat("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(stat)), {});
  size_t end_of_name = text.rfind(')');
  if (end_of_name == std::string::npos) return 0;
  std::istringstream fields(text.substr(end_of_name + 1));
  std::string skipped;
  for (int i = 3; i < 22; ++i) fields >> skipped;  // field 22 is the start time
  double ticks = 0;
  fields >> ticks;
  std::ifstream uptime_file("/proc/uptime");
  double uptime = 0;
  uptime_file >> uptime;
  double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  return now - uptime + ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

void CollectProcessMetrics(std::vector<Family>& families) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  families.push_back(Single("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.",
                            MetricType::kCounter, seconds(usage.ru_utime) + seconds(usage.ru_stime)));
  std::ifstream statm("/proc/self/statm");
  double pages = 0, resident = 0;
  statm >> pages >> resident;
  auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  families.push_back(
      Single("process_virtual_memory_bytes", "Virtual memory size in bytes.", MetricType::kGauge, pages * page));
  families.push_back(
      Single("process_resident_memory_bytes", "Resident memory size in bytes.", MetricType::kGauge, resident * page));
  static const double start = StartTime();
  families.push_back(Single("process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
                            MetricType::kGauge, start));
  std::error_code error;
  double open = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) ++open;
  families.push_back(Single("process_open_fds", "Number of open file descriptors.", MetricType::kGauge, open));
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  families.push_back(Single("process_max_fds", "Maximum number of open file descriptors.", MetricType::kGauge,
                            static_cast<double>(limit.rlim_cur)));
}

}  // namespace triune::telemetry
