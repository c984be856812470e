// What happens to every request and response besides answering it.
#pragma once

#include <memory>
#include <vector>

#include "base/executor.h"
#include "server/http/exchange.h"

namespace triune::server::http {

/// One concern. Thread-safe.
class Middleware {
 public:
  virtual ~Middleware() = default;
  /// On the loop's thread, in order, before the handler. Returns false when it has set the response itself.
  virtual bool OnRequest(Exchange&) { return true; }
  /// On the thread that replies, in reverse order, before the response is sent.
  virtual void OnResponse(Exchange&) {}
};

/// Runs the middlewares around a handler. Requests whose body would keep the loop's thread busy (large, or compressed)
/// are handled on `executor` instead, and large responses compressed there.
class Pipeline final : public Handler {
 public:
  Pipeline(std::vector<std::unique_ptr<Middleware>> middlewares, Handler& handler, Executor& executor,
           size_t body_limit)
      : middlewares_(std::move(middlewares)), handler_(handler), executor_(executor), body_limit_(body_limit) {}

  std::unique_ptr<ExchangeState> MakeState(Exchange& exchange) override { return handler_.MakeState(exchange); }
  void Handle(Exchange& exchange) override;
  bool BeforeReply(Exchange& exchange) override;

 private:
  void HandleBody(Exchange& exchange);
  void CompleteResponse(Exchange& exchange);

  std::vector<std::unique_ptr<Middleware>> middlewares_;
  Handler& handler_;
  Executor& executor_;
  const size_t body_limit_;
};

}  // namespace triune::server::http
