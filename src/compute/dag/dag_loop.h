// What the process of an actor does for a compiled DAG.
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <span>

#include "compute/process/driver_connection.h"
#include "triune/core/detail/remote_function.h"
#include "triune/core/detail/task.h"
#include "triune/status.h"

namespace triune::compute {

struct DagLoopPlace {
  DriverConnection& driver;
  detail::TaskRunner& runner;
  detail::RemoteInstance& instance;
  std::mutex* one_at_a_time;  ///< Held around each call; null when the actor runs several at the same time.
  const std::atomic<uint32_t>* stage;
};

/// Waits for what its calls need and makes them, execution after execution, until the driver says that it is enough.
Status RunDagLoop(const DagLoopPlace& place, std::span<const std::byte> schedule);

}  // namespace triune::compute
