#include "server/json_parser.h"

#include <memory>

#include "server/json_tensor.h"

namespace triune::server {
namespace {

constexpr size_t kKeptCapacity = 8U << 20U;

thread_local std::unique_ptr<simdjson::ondemand::parser> whole_parser;
thread_local std::unique_ptr<simdjson::ondemand::parser> part_parser;

Status Iterate(std::unique_ptr<simdjson::ondemand::parser>& parser, std::string_view text,
               simdjson::ondemand::document* document) {
  if (parser == nullptr) parser = std::make_unique<simdjson::ondemand::parser>();
  simdjson::padded_string_view padded(text, text.size() + simdjson::SIMDJSON_PADDING);
  if (auto error = parser->iterate(padded).get(*document)) return JsonError(error);
  return {};
}

}  // namespace

ParserMemory::~ParserMemory() {
  for (auto* parser : {&whole_parser, &part_parser}) {
    if (*parser != nullptr && (*parser)->capacity() > kKeptCapacity) parser->reset();
  }
}

Status ParseJson(std::span<const std::byte> text, simdjson::ondemand::document* document) {
  return Iterate(whole_parser, {reinterpret_cast<const char*>(text.data()), text.size()}, document);
}

Status ParseJsonPart(std::string_view text, simdjson::ondemand::document* document) {
  return Iterate(part_parser, text, document);
}

Status ExpectEnd(simdjson::ondemand::document& document) {
  const char* rest;
  if (document.current_location().get(rest) == simdjson::OUT_OF_BOUNDS) return {};
  return InvalidArgument("the JSON is malformed: something follows its end");
}

}  // namespace triune::server
