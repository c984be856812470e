// simdjson's parser, one a thread.
#pragma once

#include <simdjson.h>

#include <span>

#include "base/status.h"

namespace triune::server {

/// Parses `text`, which must be followed by simdjson::SIMDJSON_PADDING readable bytes, with this thread's parser. The
/// document is valid until the next call on this thread. Memory of the parser beyond a bound is given back then.
Status ParseJson(std::span<const std::byte> text, simdjson::ondemand::document* document);

/// The same with a second parser, for a part of the document that the first one is at.
Status ParseJsonPart(std::string_view text, simdjson::ondemand::document* document);

/// OK when nothing but white space follows what was read of the document.
Status ExpectEnd(simdjson::ondemand::document& document);

}  // namespace triune::server
