// What this machine has for tasks.
#pragma once

#include "compute/local/amounts.h"
#include "triune/core/session.h"

namespace triune::compute {

/// What the options say, and what they leave to the machine. Throws std::invalid_argument when they make no sense.
Amounts MachineResources(const SessionOptions& options);

}  // namespace triune::compute
