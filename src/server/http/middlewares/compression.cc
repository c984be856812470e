#include "server/http/middlewares/compression.h"

#include <charconv>

#include "server/http/gzip.h"

namespace triune::server::http {
namespace {

constexpr size_t kSmallestBody = 1024;

std::string_view Trim(std::string_view text) {
  size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Whether the list allows gzip: by name or "*", with a quality that is not 0 (RFC 9110 section 12.5.3).
bool AcceptsGzip(std::string_view list) {
  bool any = false;
  while (!list.empty()) {
    std::string_view item = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), item.size() + 1));
    std::string_view coding = Trim(item.substr(0, item.find(';')));
    double quality = 1;
    if (size_t q = item.find("q="); q != std::string_view::npos) {
      std::from_chars(item.data() + q + 2, item.data() + item.size(), quality);
    }
    if (EqualsIgnoreCase(coding, "gzip")) return quality > 0;
    if (coding == "*") any = quality > 0;
  }
  return any;
}

}  // namespace

bool GzipMiddleware::OnRequest(Exchange& exchange) {
  std::string_view accepted = exchange.request.Find("Accept-Encoding");
  exchange.accepts_gzip = !accepted.empty() && AcceptsGzip(accepted);
  return true;
}

void GzipMiddleware::OnResponse(Exchange& exchange) {
  if (exchange.accepts_gzip && exchange.response.BodySize() >= kSmallestBody) GzipBody(exchange.response, level_);
}

}  // namespace triune::server::http
