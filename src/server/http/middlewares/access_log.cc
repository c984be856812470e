#include "server/http/middlewares/access_log.h"

#include "telemetry/log.h"

namespace triune::server::http {
namespace {

std::string_view MethodName(Method method) {
  switch (method) {
    case Method::kGet:
      return "GET";
    case Method::kHead:
      return "HEAD";
    case Method::kPost:
      return "POST";
    case Method::kPut:
      return "PUT";
    case Method::kPatch:
      return "PATCH";
    case Method::kDelete:
      return "DELETE";
    case Method::kOptions:
      return "OPTIONS";
    case Method::kOther:
      return "-";
  }
  return "-";
}

}  // namespace

void AccessLogMiddleware::OnResponse(Exchange& exchange) {
  using telemetry::LogField;
  auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::System().Now() - exchange.received);
  telemetry::LogInfo(
      "request",
      {LogField("method", MethodName(exchange.request.method)), LogField("path", exchange.request.path),
       LogField("status", exchange.response.status), LogField("request_bytes", uint64_t{exchange.request.body.size()}),
       LogField("response_bytes", uint64_t{exchange.response.BodySize()}),
       LogField("took_us", static_cast<int64_t>(took.count())), LogField("request_id", exchange.request_id),
       LogField("traceparent", exchange.traceparent)});
}

}  // namespace triune::server::http
