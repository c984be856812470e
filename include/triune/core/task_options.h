// How a task is to run.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "triune/core/isolation.h"
#include "triune/core/placement_group.h"
#include "triune/core/runtime_env.h"
#include "triune/status.h"
#include "triune/time.h"

namespace triune {

struct TaskOptions {
  std::string name{};  ///< In errors, listings and traces; otherwise the function's own name, where it can be told.
  /// What it needs while it runs, by Ray's names; parts down to 0.0001 are possible. It waits until that is there,
  /// behind others that want the same; while it waits for something itself, others may have its processors. A method of
  /// an actor runs with what the actor has. Only counted, not enforced.
  double cpus = 1;
  double gpus = 0;
  double memory = 0;                          ///< Bytes.
  std::map<std::string, double> resources{};  ///< Others, by name: those of SessionOptions.
  /// It runs with what is reserved there, and waits for the group.
  PlacementGroup placement_group{};
  int bundle = -1;  ///< Of the group, from 0; -1: any.
  /// The tasks and actors that it makes are in the group, too, any bundle, unless they name one.
  bool capture_child_tasks = false;
  /// Of a generator: how many values may wait to be taken; then it stops until one is. At least 1.
  int generator_backpressure = 1024;
  int retries = 0;  ///< How often the function is called again after it has failed, or, with `reconstruct`, was lost.
  /// The task keeps its function and its arguments after it has run. When its result was freed (Session::Free), the
  /// next who wants it has it run again, and those of its arguments that were freed, too; `timeout` does not count
  /// then. Each time takes one of the `retries`; with none left the result is lost (kObjectLost). Ray calls that
  /// lineage reconstruction. Arguments that are references stay as long as the task is referred to. For functions, not
  /// methods, generators or coroutines.
  bool reconstruct = false;
  /// Which failures are worth another try; empty: all. Called on the thread that ran the function.
  std::function<bool(const Status&)> retry_on{};
  /// Counted from Submit. When it has passed the task fails, whether it had started or not; a function that runs can
  /// see that nobody waits any more (RuntimeContext::cancelled).
  Duration timeout = Duration::max();
  /// A process is ended with the task when its time is up, or it is cancelled by force.
  Isolation isolation = Isolation::kThread;
  RuntimeEnv runtime_env{};  ///< Of the process. Such a task is sent to it alone, not with others that are short, too.

  bool AsksForOneCpuOnly() const {
    return cpus == 1 && gpus == 0 && memory == 0 && resources.empty() && !placement_group;
  }
};

}  // namespace triune
