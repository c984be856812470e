// How an actor is to live, and its calls to run.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "triune/core/task_options.h"

namespace triune {

/// The names and defaults are Ray's.
struct ActorOptions {
  std::string name{};  ///< By which GetActor finds it; empty: none.
  /// The session keeps it, also when nobody refers to it any more. Needs a name.
  bool detached = false;
  /// If there is an actor of that name already, it is the one meant.
  bool get_if_exists = false;
  /// How often it is made anew after it was killed (and, in a process of its own, died); -1: always.
  int max_restarts = 0;
  /// Calls that run at the same time; then the actor's own methods must be thread-safe.
  int max_concurrency = 1;
  /// Calls that may wait; one more fails with kPendingCallsLimit. 0: as many as memory has room for.
  size_t max_pending_calls = 0;
  /// kProcess: the actor has a process of its own, which its end ends; for classes that are registered
  /// (TRIUNE_REMOTE_ACTOR). When the process dies, the call that ran fails, and max_restarts says whether there is a new
  /// one for the others.
  Isolation isolation = Isolation::kThread;
};

}  // namespace triune
