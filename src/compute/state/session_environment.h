// Options of a session that come from outside of the program.
#pragma once

#include <string>
#include <utility>

#include "triune/core/session.h"
#include "triune/status.h"

namespace triune::compute {

/// What the program has left at its default is what the environment says: TRIUNE_CPUS, TRIUNE_MEMORY and
/// TRIUNE_OBJECT_MEMORY (bytes), TRIUNE_TRACE and TRIUNE_STATE_SOCKET (paths). The trace is of the first session of the
/// program, the socket of one at a time. The status: InvalidArgument for the first value that can't be; the default
/// holds in its place.
std::pair<SessionOptions, Status> WithEnvironment(SessionOptions options);

}  // namespace triune::compute
