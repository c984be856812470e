// Actors that have a process of their own.
#pragma once

#include <memory>

#include "compute/process/process_pool.h"
#include "triune/core/detail/engine.h"
#include "triune/core/runtime_env.h"
#include "triune/status.h"

namespace triune::compute {

Result<std::unique_ptr<detail::ActorHost>> MakeProcessActorHost(std::shared_ptr<ProcessPool> pool,
                                                                const RuntimeEnv& environment);

}  // namespace triune::compute
