// What a task in a process asks of its driver: messages that begin so.
#pragma once

#include <cstdint>

namespace triune::compute {

/// Of a request that no task makes, but a thread that its program has started.
inline constexpr uint32_t kNoSlot = UINT32_MAX;
/// Handles that the worker gives to objects; others are the driver's.
inline constexpr uint64_t kWorkersHandles = uint64_t{1} << 63U;

/// The name, the number of custom resources and each with its name and amount follow, the working
/// directory, the number of variables and each with its name and value, then for each argument: u8
/// ArgumentForm, and a value or a handle.
struct SubmitHeader {
  uint64_t handle;  ///< Of the result.
  uint64_t function;
  uint32_t slot;
  uint32_t arguments;
  double cpus;
  double gpus;
  double memory;
  int64_t timeout;  ///< Nanoseconds.
  int32_t retries;
  uint32_t reconstruct;
};
enum class ArgumentForm : uint8_t { kValue, kReference };

struct WaitHeader {
  uint32_t slot;
  uint32_t needed;
  uint32_t count;
};

}  // namespace triune::compute
