// What one process has to do in each execution of a compiled DAG. The driver writes it, the process reads it, once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "compute/dag/dag_region.h"
#include "triune/status.h"

namespace triune::compute {

struct ScheduledArgument {
  static constexpr uint32_t kConstant = UINT32_MAX;
  uint32_t value = kConstant;  ///< Of the DAG's values; or what follows.
  uint32_t kind = 0;           ///< ValueSlot::Kind.
  std::vector<std::byte> bytes{};
};

/// A call, in the order in which they are made.
struct ScheduledCall {
  uint64_t function = 0;  ///< Its number in the registry.
  std::string name{};     ///< For people.
  int32_t retries = 0;
  uint32_t value = 0;               ///< Where its result goes.
  bool is_output = false;           ///< The driver waits for it.
  std::vector<uint32_t> readers{};  ///< Lanes that do.
  std::vector<ScheduledArgument> arguments{};
};

struct LaneSchedule {
  uint64_t dag = 0;     ///< Its number, for blocks.
  uint64_t region = 0;  ///< Where its memory begins.
  RegionShape shape{};
  uint32_t lane = 0;  ///< Which of the DAG's this is.
  std::vector<ScheduledCall> calls{};

  std::vector<std::byte> Write() const;
  /// DataLoss when it makes no sense.
  static Result<LaneSchedule> Read(std::span<const std::byte> bytes);
};

}  // namespace triune::compute
