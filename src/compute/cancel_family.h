// Cancelling a task with what came of it.
#pragma once

#include "triune/core/detail/task.h"
#include "triune/core/session.h"

namespace triune::compute {

/// The task, if it is not done, and all that it has submitted. False when the task itself was done already.
bool CancelFamily(detail::Task& task, const CancelOptions& options);

}  // namespace triune::compute
