#include "server/http/middlewares/request_context.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/strings.h"

namespace triune::server::http {
namespace {

bool IsLowerHex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsZero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

/// Seconds; nothing for what is not a positive, finite number.
std::optional<double> ParseTimeout(std::string_view text) {
  double seconds = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  if (error != std::errc() || !std::isfinite(seconds) || seconds <= 0) return std::nullopt;
  if (unit == "ms") return seconds / 1000;
  if (unit.empty() || unit == "s") return seconds;
  return std::nullopt;
}

}  // namespace

bool IsTraceparent(std::string_view text) {
  // version "-" trace-id "-" parent-id "-" trace-flags; later versions may append more.
  if (text.size() < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-') return false;
  std::string_view version = text.substr(0, 2), trace = text.substr(3, 32), parent = text.substr(36, 16);
  if (!IsLowerHex(version) || !IsLowerHex(trace) || !IsLowerHex(parent) || !IsLowerHex(text.substr(53, 2)))
    return false;
  if (version == "ff" || IsZero(trace) || IsZero(parent)) return false;
  return text.size() == 55 || (version != "00" && text[55] == '-');
}

std::string_view UsableRequestId(std::string_view text) { return text.substr(0, 256); }

bool RequestIdMiddleware::OnRequest(Exchange& exchange) {
  exchange.request_id.assign(UsableRequestId(exchange.request.Find("X-Request-Id")));
  return true;
}

void RequestIdMiddleware::OnResponse(Exchange& exchange) {
  if (!exchange.request_id.empty()) exchange.response.AddHeader("X-Request-Id", exchange.request_id);
}

bool TraceMiddleware::OnRequest(Exchange& exchange) {
  std::string_view text = exchange.request.Find("traceparent");
  if (!text.empty() && IsTraceparent(text)) exchange.traceparent.assign(text);
  return true;
}

void TraceMiddleware::OnResponse(Exchange& exchange) {
  if (!exchange.traceparent.empty()) exchange.response.AddHeader("traceparent", exchange.traceparent);
}

bool DeadlineMiddleware::OnRequest(Exchange& exchange) {
  if (request_timeout_.count() > 0) exchange.deadline = DeadlineAfter(exchange.received, request_timeout_);
  std::string_view text = exchange.request.Find("X-Request-Timeout");
  if (text.empty()) return true;
  auto seconds = ParseTimeout(text);
  if (!seconds) {
    exchange.response.SetError(InvalidArgument(StrCat("header X-Request-Timeout is not a time: got '",
                                                      text.substr(0, 40), "', want seconds such as 1.5, or 1500ms")));
    return false;
  }
  constexpr double kMostSeconds = 1e9;
  auto timeout = Duration(static_cast<Duration::rep>(std::min(*seconds, kMostSeconds) * 1e9));
  exchange.deadline = std::min(exchange.deadline, DeadlineAfter(exchange.received, timeout));
  return true;
}

}  // namespace triune::server::http
