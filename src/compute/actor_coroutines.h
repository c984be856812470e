// Calls of an actor whose methods are coroutines.
#pragma once

#include <atomic>
#include <vector>

#include "triune/core/detail/actor.h"

namespace triune::detail {

/// Those that have begun and are not over. Of whoever has the actor's turn, but for the inbox.
struct ActorCore::Coroutines {
  std::vector<ActorTask*> in_progress;     ///< They have a reference while they wait, or are due.
  std::atomic<ActorTask*> inbox{nullptr};  ///< Those that are due, latest first; anybody adds to them.
  ActorTask* due = nullptr;                ///< Taken from the inbox, earliest first.

  bool AnyDue() const noexcept { return due != nullptr || inbox.load() != nullptr; }
};

}  // namespace triune::detail
