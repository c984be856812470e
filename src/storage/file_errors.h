// What the operating system says about a path -> Status.
#pragma once

#include <string>
#include <system_error>

#include "triune/status.h"

namespace triune::storage {

/// NotFound, PermissionDenied or Internal, with the path in the message.
Status FileError(std::error_code error, const std::string& path);

/// OK when a file or folder is at `path` (links are followed); InvalidArgument for devices, sockets and pipes.
Status CheckKind(const std::string& path);

}  // namespace triune::storage
