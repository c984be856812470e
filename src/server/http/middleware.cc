#include "server/http/middleware.h"

#include "server/http/gzip.h"

namespace triune::server::http {
namespace {

/// Reading as much text takes a millisecond or two.
constexpr size_t kOffloadedBytes = 256U << 10U;
/// Compressing as much takes a millisecond.
constexpr size_t kOffloadedResponseBytes = 32U << 10U;

bool IsIdentity(std::string_view encoding) { return encoding.empty() || EqualsIgnoreCase(encoding, "identity"); }

/// Raw tensors behind a short JSON header cost little, however large.
bool TakesLong(const Request& request, bool compressed) {
  if (compressed) return true;
  return request.body.size() > kOffloadedBytes && !request.Has("Inference-Header-Content-Length");
}

}  // namespace

void Pipeline::Handle(Exchange& exchange) {
  for (const auto& middleware : middlewares_) {
    if (!middleware->OnRequest(exchange)) return exchange.Reply();
  }
  bool compressed = !exchange.request.body.empty() && !IsIdentity(exchange.request.Find("Content-Encoding"));
  if (!TakesLong(exchange.request, compressed)) return HandleBody(exchange);
  exchange.KeepBody();
  if (!executor_.TrySubmit([this, &exchange] { HandleBody(exchange); })) {
    exchange.response.SetError(ResourceExhausted("too many large requests are waiting to be read"));
    exchange.Reply();
  }
}

void Pipeline::HandleBody(Exchange& exchange) {
  Request& request = exchange.request;
  std::string_view encoding = request.body.empty() ? std::string_view() : request.Find("Content-Encoding");
  if (!IsIdentity(encoding)) {
    if (!EqualsIgnoreCase(encoding, "gzip") && !EqualsIgnoreCase(encoding, "x-gzip") &&
        !EqualsIgnoreCase(encoding, "deflate")) {
      exchange.response.SetError(415, "Content-Encoding is not supported: want gzip, deflate or identity");
      return exchange.Reply();
    }
    auto plain = Gunzip(request.body, body_limit_, [&](size_t bytes) { return exchange.ReserveBuffered(bytes); });
    if (!plain.ok()) {
      StatusCode code = plain.status().code();
      int status = code == StatusCode::kOutOfRange ? 413 : code == StatusCode::kResourceExhausted ? 503 : 400;
      exchange.response.SetError(status, plain.status().message());
      return exchange.Reply();
    }
    request.body_buffer = *std::move(plain);
    request.body = request.body_buffer.bytes();
  }
  handler_.Handle(exchange);
}

bool Pipeline::BeforeReply(Exchange& exchange) {
  bool takes_long = exchange.accepts_gzip && exchange.response.BodySize() > kOffloadedResponseBytes;
  if (takes_long && exchange.OnLoopThread()) {
    if (executor_.TrySubmit([this, &exchange] {
          CompleteResponse(exchange);
          exchange.Send();
        })) {
      return false;
    }
    exchange.accepts_gzip = false;  // better large than late, for this one and all others
  }
  CompleteResponse(exchange);
  return true;
}

void Pipeline::CompleteResponse(Exchange& exchange) {
  for (auto middleware = middlewares_.rbegin(); middleware != middlewares_.rend(); ++middleware) {
    (*middleware)->OnResponse(exchange);
  }
}

}  // namespace triune::server::http
