// What a driver and its zygote say to each other, and how programs are started to be one.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "compute/process/zygote.h"
#include "triune/status.h"

namespace triune::compute {

/// Begins a request; of a spawn, the setting follows: working directory, number of variables, variables.
struct ZygoteRequest {
  uint64_t spawn;  ///< 0: kill.
  uint64_t worker;
};
struct ZygoteEvent {
  uint64_t worker;
  int64_t spawned;      ///< Its process, when it was started just now; 0: it has died.
  int64_t wait_status;  ///< As of waitpid.
};

inline constexpr size_t kMostRequestBytes = size_t{64} << 10U;

enum class ProcessRole { kNone, kZygote, kWorker };
/// Descriptors of a zygote: its socket; of a worker: its link; of both: the memory of all, and the file for what does
/// not fit into that, or, where there is none, something else.
inline constexpr int kOwnDescriptor = 3;
inline constexpr int kMemoryDescriptor = 4;
inline constexpr int kDiskDescriptor = 5;
struct MemoryFiles {
  int memory = kMemoryDescriptor;
  int disk = kDiskDescriptor;  ///< -1: none.
};

/// Starts this program again, in a process group of its own, with signals as they are by default, no other descriptors,
/// and nothing to read on its standard input.
/// Of a zygote, `files.link` is its socket.
Result<pid_t> SpawnProgram(ProcessRole role, const WorkerFiles& files, const MemoryFiles& memory,
                           const WorkerSetting& setting);
/// What this process was started as.
ProcessRole RoleOfThisProcess();

inline constexpr size_t kMostDescriptors = 3;
bool SendWithDescriptors(int socket, std::span<const std::byte> message, std::span<const int> descriptors);

int ZygoteMain();
/// `link`: a descriptor, taken over, as are those of the memory.
int WorkerMain(int link);

}  // namespace triune::compute
