// What a task in a process asks of its driver: messages that begin so.
#pragma once

#include <cstdint>

namespace triune::compute {

/// Of a request that no task makes, but a thread that its program has started.
inline constexpr uint32_t kNoSlot = UINT32_MAX;
/// Handles that the worker gives to objects; others are the driver's.
inline constexpr uint64_t kWorkersHandles = uint64_t{1} << 63U;

/// The number of custom resources, and each with its name and amount, follow, then the environment: the working
/// directory, the number of variables and each with its name and value.
struct Needs {
  double cpus;
  double gpus;
  double memory;
};

/// The name follows, Needs and what comes with them, then for each argument: u8 ArgumentForm, and a value or a handle.
struct SubmitHeader {
  uint64_t handle;  ///< Of the result.
  uint64_t function;
  uint32_t slot;
  uint32_t arguments;
  int64_t timeout;  ///< Nanoseconds.
  int32_t retries;
  uint32_t reconstruct;
};
enum class ArgumentForm : uint8_t { kValue, kReference };

/// What follows is that of SubmitHeader.
struct ActorHeader {
  uint64_t handle;    ///< Of the actor.
  uint64_t function;  ///< Its constructor.
  uint32_t slot;
  uint32_t arguments;
  uint64_t max_pending_calls;
  int32_t max_restarts;
  int32_t max_concurrency;
  uint8_t detached;
  uint8_t get_if_exists;
};

/// The name and the arguments follow.
struct CallHeader {
  uint64_t handle;  ///< Of the result.
  uint64_t actor;
  uint64_t function;
  uint32_t slot;
  uint32_t arguments;
  int64_t timeout;  ///< Nanoseconds.
  int32_t retries;
};

struct WaitHeader {
  uint32_t slot;
  uint32_t needed;
  uint32_t count;
};

}  // namespace triune::compute
