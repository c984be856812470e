// HTTP/1.1 keep-alive connection of the load maker.
#pragma once

#include <string>
#include <vector>

#include "serve/load/bodies.h"
#include "serve/load/chunked_body.h"
#include "serve/load/connection.h"

namespace triune::bench {

/// The POST requests of a run, one per body, shared by its connections.
struct HttpRequests {
  /// `headers` are complete lines without their end: "Content-Type: application/json".
  HttpRequests(const std::vector<Body>& bodies, const std::string& path, const std::vector<std::string>& headers);

  const std::vector<Body>& bodies;
  std::vector<std::string> heads;
};

/// Understands answers with Content-Length and chunked ones. Thread-compatible.
class HttpConnection final : public Connection {
 public:
  /// Takes the socket. `requests` outlives the connection.
  HttpConnection(int fd, const HttpRequests& requests);
  ~HttpConnection() override;

  int fd() const override { return fd_; }
  Status Send(size_t index) override;
  Result<bool> Advance() override;
  Answer answer() const override;

 private:
  Status Write();
  Status Read();
  Status ParseHead();

  int fd_;
  const HttpRequests& requests_;
  size_t index_ = 0;
  size_t written_ = 0;
  size_t to_write_ = 0;
  std::vector<char> input_;
  size_t received_ = 0;
  size_t head_bytes_ = 0;  // 0 until the head is complete
  size_t body_bytes_ = 0;
  bool chunked_ = false;
  bool complete_ = false;  // of a chunked answer
  ChunkedBody chunks_;
};

}  // namespace triune::bench
