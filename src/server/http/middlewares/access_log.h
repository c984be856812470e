// One line a request, when asked for.
#pragma once

#include "server/http/middleware.h"

namespace triune::server::http {

/// Method, path, status, sizes, time, request id and trace. Never bodies.
class AccessLogMiddleware final : public Middleware {
 public:
  void OnResponse(Exchange& exchange) override;
};

}  // namespace triune::server::http
