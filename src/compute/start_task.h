// What a session does with tasks, for those who do it in its name as well.
#pragma once

#include "triune/core/detail/engine.h"
#include "triune/core/detail/task.h"
#include "triune/core/session.h"
#include "triune/time.h"

namespace triune::compute {

TimePoint DeadlineIn(Duration timeout);

/// For each of those that are not done, and all that they have submitted. False when it was done already.
bool CancelFamily(detail::Task& task, const CancelOptions& options);

}  // namespace triune::compute
