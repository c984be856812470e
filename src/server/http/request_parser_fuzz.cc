// libFuzzer: whatever the bytes, RequestParser reads the same from them in pieces as at once. The first byte says how
// long the pieces are.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/http/request_parser.h"

namespace {

using namespace triune::server::http;
using State = RequestParser::State;

void Check(bool is_so) {
  if (!is_so) std::abort();
}

struct Outcome {
  int status = 0;  ///< 0: wants more; 200: read; else refused.
  Method method = Method::kOther;
  std::string target;
  std::vector<std::pair<std::string, std::string>> headers;
  size_t head_bytes = 0;
  bool keep_alive = false;
  std::string body;
  std::string rest;

  bool operator==(const Outcome&) const = default;
};

void ReadChunks(RequestParser& parser, std::string_view input, size_t piece, Outcome& outcome) {
  std::string pending;
  for (;;) {
    std::string_view next = input.substr(0, piece);
    input.remove_prefix(next.size());
    pending += next;
    size_t used = 0;
    State state = parser.ReadChunks(pending, &used);
    Check(used <= pending.size());
    pending.erase(0, used);
    if (state == State::kError) {
      outcome.status = parser.error().http_status;
      return;
    }
    if (state == State::kDone) {
      triune::Buffer body = parser.TakeBody();
      outcome.status = 200;
      outcome.body.assign(reinterpret_cast<const char*>(body.data()), body.size());
      outcome.rest = pending + std::string(input);
      return;
    }
    if (input.empty()) return;
  }
}

Outcome Read(std::string_view input, size_t piece) {
  RequestParser parser;
  parser.Reset({.header_bytes = 512, .body_bytes = 512, .header_count = 8});
  Request request;
  Outcome outcome;
  // Each attempt sees memory of its own, so that nothing can rest on what an earlier one left there.
  std::string have;
  for (size_t size = std::min(piece, input.size());;
       size = std::min(size + std::min(piece, input.size()), input.size())) {
    have = std::string(input.substr(0, size));
    State state = parser.ReadHead(have, request, &outcome.head_bytes);
    if (state == State::kError) {
      outcome.status = parser.error().http_status;
      Check(outcome.status >= 400 && !parser.error().message.empty());
      return outcome;
    }
    if (state == State::kHeadDone) break;
    if (size == input.size()) return outcome;
  }
  auto inside = [&](std::string_view view) {
    return view.empty() ||
           (view.data() >= have.data() && view.data() + view.size() <= have.data() + outcome.head_bytes);
  };
  Check(inside(request.target) && inside(request.path) && request.target.find(request.path) != std::string_view::npos);
  for (const Header& header : request.headers) {
    Check(inside(header.name) && inside(header.value) && !header.name.empty());
    Check(header.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
    outcome.headers.emplace_back(header.name, header.value);
  }
  outcome.method = request.method;
  outcome.target = request.target;
  outcome.keep_alive = parser.keep_alive();
  // What follows must be unambiguous.
  Check(!(parser.chunked() && request.Has("Content-Length")));
  Check(parser.chunked() == request.Has("Transfer-Encoding"));
  Check(parser.content_length() <= 512);
  if (parser.chunked()) {
    ReadChunks(parser, input.substr(outcome.head_bytes), piece, outcome);
  } else {
    outcome.status = 200;
    outcome.rest = input.substr(outcome.head_bytes);
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  Outcome at_once = Read(input, SIZE_MAX);
  Outcome in_pieces = Read(input, 1U + data[0]);
  // A malformed chunked body may be refused sooner or later, or for another reason, depending on how much of it is seen
  // at once: Beast reads on in a quoted string that does not end, and counts it against the limit. It never is
  // accepted.
  bool is_body = !at_once.target.empty() && at_once.target == in_pieces.target;
  if (is_body && at_once.status != 200 && in_pieces.status != 200) return 0;
  Check(at_once == in_pieces);
  return 0;
}
