// Compresses responses for clients that ask for it.
#pragma once

#include "server/http/middleware.h"

namespace triune::server::http {

/// Accept-Encoding: gzip. Small bodies are left as they are.
class GzipMiddleware final : public Middleware {
 public:
  /// zlib's level 1 to 9.
  explicit GzipMiddleware(int level) : level_(level) {}
  bool OnRequest(Exchange& exchange) override;
  void OnResponse(Exchange& exchange) override;

 private:
  const int level_;
};

}  // namespace triune::server::http
