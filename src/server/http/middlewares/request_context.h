// Reads from the headers what goes with a call: its id, its trace, its deadline.
#pragma once

#include "base/clock.h"
#include "server/http/middleware.h"

namespace triune::server::http {

/// X-Request-Id: kept for logs and echoed.
class RequestIdMiddleware final : public Middleware {
 public:
  bool OnRequest(Exchange& exchange) override;
  void OnResponse(Exchange& exchange) override;
};

/// traceparent (https://www.w3.org/TR/trace-context/): passed on with the call and echoed; a malformed one is ignored,
/// as the standard asks.
class TraceMiddleware final : public Middleware {
 public:
  bool OnRequest(Exchange& exchange) override;
  void OnResponse(Exchange& exchange) override;
};

/// X-Request-Timeout: seconds (1.5, 1.5s) or milliseconds (1500ms); and the server's own limit, whichever is sooner.
class DeadlineMiddleware final : public Middleware {
 public:
  /// 0: no limit of the server's.
  explicit DeadlineMiddleware(Duration request_timeout) : request_timeout_(request_timeout) {}
  bool OnRequest(Exchange& exchange) override;

 private:
  const Duration request_timeout_;
};

/// What is kept of a request id: its first 256 bytes.
std::string_view UsableRequestId(std::string_view text);

/// Whether `text` is a well-formed traceparent.
bool IsTraceparent(std::string_view text);

}  // namespace triune::server::http
