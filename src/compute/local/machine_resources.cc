#include "compute/local/machine_resources.h"

#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <string>

#include "base/cores.h"

namespace triune::compute {
namespace {

constexpr double kShareOfMemory = 0.7;

double NvidiaGpus() {
  // The driver makes one device for each GPU: nvidia0, nvidia1 and so on, beside others such as nvidiactl.
  int count = 0;
  std::error_code error;
  while (std::filesystem::exists("/dev/nvidia" + std::to_string(count), error)) ++count;
  return count;
}

double MemoryBytes() {
  return kShareOfMemory * static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

}  // namespace

Amounts MachineResources(const SessionOptions& options) {
  const int cpus = options.cpus == 0 ? AvailableCores() : options.cpus;
  auto amounts = Amounts::Of(cpus, options.gpus == -1 ? NvidiaGpus() : options.gpus,
                             options.memory == 0 ? MemoryBytes() : options.memory, options.resources);
  if (!amounts.ok()) throw std::invalid_argument("SessionOptions: " + amounts.status().ToString());
  return *std::move(amounts);
}

}  // namespace triune::compute
