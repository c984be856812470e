// What compiled DAGs in processes need of the engine that they belong to.
#pragma once

#include <memory>

#include "compute/process/nested_calls.h"
#include "compute/process/shared_memory.h"
#include "triune/core/detail/compiled_dag.h"
#include "triune/status.h"

namespace triune::compute {

/// Thread-safe.
class DagHost {
 public:
  virtual Result<std::shared_ptr<SharedMemory>> shared_memory() = 0;
  virtual ProcessHost& process_host() noexcept = 0;
  /// Is closed when the session ends, unless it was removed. FailedPrecondition when that has begun.
  virtual Status AddDag(detail::CompiledDagCore& dag) = 0;
  virtual void RemoveDag(detail::CompiledDagCore& dag) noexcept = 0;

 protected:
  ~DagHost() = default;
};

}  // namespace triune::compute
