// gzip and deflate bodies, with zlib.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "server/http/message.h"
#include "triune/buffer.h"
#include "triune/status.h"

namespace triune::server::http {

/// Unpacks gzip or zlib data. OutOfRange when it would be more than `limit` bytes; InvalidArgument when it is damaged
/// or cut short; ResourceExhausted when reserve(bytes), which is asked before memory is taken, says no. Thread-safe.
Result<Buffer> Gunzip(std::span<const std::byte> packed, size_t limit, const std::function<bool(size_t)>& reserve);

/// Packs the response's body and tail into its body and says so in its headers. Leaves it alone when zlib fails.
void GzipBody(Response& response, int level);

}  // namespace triune::server::http
