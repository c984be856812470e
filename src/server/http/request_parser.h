// Reads the head of a request, and chunked bodies, with Boost.Beast.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "server/http/message.h"
#include "triune/buffer.h"

namespace triune::server::http {

/// What is wrong with a request, as the answer's status and text.
struct ParseError {
  int http_status = 400;
  std::string_view message;  ///< Static text.
};

/// One request at a time. Thread-compatible.
class RequestParser {
 public:
  struct Limits {
    size_t header_bytes = 64U << 10U;
    size_t body_bytes = 256U << 20U;
    size_t header_count = 128;
  };
  enum class State : uint8_t { kNeedMore, kHeadDone, kDone, kError };

  RequestParser();
  ~RequestParser();

  /// Begins a new request.
  void Reset(const Limits& limits);

  /// Reads the head from `input`, which begins with the request. kNeedMore: it does not end in there, and nothing was
  /// read; call again with all of it and more. kHeadDone: `*consumed` bytes were the head, and `request` has its
  /// fields, as views into `input`. Costs one search per byte however small the pieces are.
  State ReadHead(std::string_view input, Request& request, size_t* consumed);

  /// Of the head: what body follows.
  bool chunked() const;
  size_t content_length() const;  ///< 0 when there is none.
  bool keep_alive() const;

  /// For chunked bodies: reads on. The bytes of the body collect in body(). kDone when its end was read.
  State ReadChunks(std::string_view input, size_t* consumed);
  /// Bytes of the body collected so far.
  size_t body_size() const;
  /// What ReadChunks collected.
  Buffer TakeBody();

  const ParseError& error() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace triune::server::http
