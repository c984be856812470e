// How an actor is to live, and its calls to run.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "triune/core/isolation.h"
#include "triune/core/placement_group.h"
#include "triune/core/runtime_env.h"

namespace triune {

/// The names and defaults are Ray's.
struct ActorOptions {
  std::string name{};  ///< By which GetActor finds it; empty: none.
  /// The session keeps it, also when nobody refers to it any more. Needs a name.
  bool detached = false;
  /// If there is an actor of that name already, it is the one meant.
  bool get_if_exists = false;
  /// What it has from its creation, which waits for that, to its end, by Ray's names; also while it is made anew. While
  /// its methods wait for something, others may have its processors. An actor without any runs on those of all tasks,
  /// as one of them. Only counted, not enforced.
  double cpus = 0;
  double gpus = 0;
  double memory = 0;                          ///< Bytes.
  std::map<std::string, double> resources{};  ///< Others, by name: those of SessionOptions.
  /// It has that of what is reserved there, and is killed with the group.
  PlacementGroup placement_group{};
  int bundle = -1;  ///< Of the group, from 0; -1: any.
  /// The tasks and actors that its methods make are in the group, too, any bundle, unless they name one.
  bool capture_child_tasks = false;
  /// How often it is made anew after it was killed (and, in a process of its own, died); -1: always.
  int max_restarts = 0;
  /// Calls that run at the same time; then the actor's own methods must be thread-safe. Of coroutines (async.h): calls
  /// that have begun and are not over, of which still only one runs; 1 stands for 1000.
  int max_concurrency = 1;
  /// Calls that may wait; one more fails with kPendingCallsLimit. 0: as many as memory has room for.
  size_t max_pending_calls = 0;
  /// kProcess: the actor has a process of its own, which its end ends; for classes that are registered
  /// (TRIUNE_REMOTE_ACTOR). When the process dies, the call that ran fails, and max_restarts says whether there is a
  /// new one for the others.
  Isolation isolation = Isolation::kThread;
  RuntimeEnv runtime_env{};  ///< Of the process.

  bool AsksForNothing() const { return cpus == 0 && gpus == 0 && memory == 0 && resources.empty() && !placement_group; }
};

}  // namespace triune
