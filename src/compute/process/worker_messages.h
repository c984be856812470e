// What several of a worker's messages to its driver have in common.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "compute/process/driver_connection.h"
#include "compute/process/message.h"
#include "triune/core/detail/object.h"
#include "triune/core/detail/remote_function.h"
#include "triune/core/detail/task.h"
#include "triune/core/runtime_env.h"
#include "triune/status.h"

namespace triune::compute {

/// Of the task that this thread runs; kNoSlot when there is none.
uint32_t SlotOfThisThread(const LinkPage& page);
/// By which the driver knows the object; 0 when it does not.
uint64_t HandleOf(const detail::Object& object);

/// Needs, and what comes with them: of TaskOptions or ActorOptions.
template <typename Options>
void WriteNeeds(MessageWriter& message, const Options& options);
/// Those of the task, as the function's parameters are.
Status WriteArguments(MessageWriter& message, const detail::Task& task, const detail::RemoteFunction& function,
                      DriverConnection& driver);

}  // namespace triune::compute
