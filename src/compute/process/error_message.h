// Errors on their way from one process to another.
#pragma once

#include "compute/process/message.h"
#include "triune/status.h"

namespace triune::compute {

/// With the TaskError and its causes, where there are any.
void WriteStatus(MessageWriter& message, const Status& status);
Status ReadStatus(MessageReader& message);

}  // namespace triune::compute
