// Making errors of tasks and actors.
#pragma once

#include <string>

#include "triune/core/detail/task.h"
#include "triune/core/errors.h"

namespace triune::compute {

Status MakeError(ErrorKind kind, StatusCode code, std::string message, std::string task = {}, Status cause = {});

/// The error that a function returned, as its task's.
Status Returned(const detail::Task& task, int attempt, Status status);
/// Of the exception that is being handled.
Status Thrown(const detail::Task& task, int attempt);

}  // namespace triune::compute
