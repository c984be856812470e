// simdjson's parser, one a thread.
#pragma once

#include <simdjson.h>

#include <span>

#include "triune/status.h"

namespace triune::server {

/// Gives back, in the end, what this thread's parsers have taken beyond a bound. To be outlived by whoever uses their
/// documents.
class ParserMemory {
 public:
  ParserMemory() = default;
  ~ParserMemory();
  ParserMemory(const ParserMemory&) = delete;
  ParserMemory& operator=(const ParserMemory&) = delete;
};

/// Parses `text`, which must be followed by simdjson::SIMDJSON_PADDING readable bytes, with this thread's parser. The
/// document is valid until the next call on this thread.
Status ParseJson(std::span<const std::byte> text, simdjson::ondemand::document* document);

/// The same with a second parser, for a part of the document that the first one is at.
Status ParseJsonPart(std::string_view text, simdjson::ondemand::document* document);

/// OK when nothing but white space follows what was read of the document.
Status ExpectEnd(simdjson::ondemand::document& document);

}  // namespace triune::server
