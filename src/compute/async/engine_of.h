// Where a task runs.
#pragma once

#include "triune/core/detail/actor.h"
#include "triune/core/detail/engine.h"
#include "triune/core/detail/task.h"

namespace triune::compute {

/// Of a task that runs: only an actor stands between it and its engine.
inline detail::Engine& EngineOf(detail::Task& task) noexcept {
  detail::ActorCore* actor = task.actor();
  return actor != nullptr ? actor->engine() : static_cast<detail::Engine&>(task.runner());
}

}  // namespace triune::compute
