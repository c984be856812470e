// Shared objects, opened at run time.
#pragma once

#include <string>

#include "triune/status.h"

namespace triune::model {

/// Opens a plug-in or the library of a runtime so that its symbols and those of the process do not mix: the libraries
/// bring their own versions of what we link too (protobuf, abseil). It stays open until the process ends: libraries of
/// this kind start threads and keep thread-local data, and few survive being closed. FailedPrecondition with the
/// loader's message.
Result<void*> OpenSharedObject(const std::string& path);

}  // namespace triune::model
