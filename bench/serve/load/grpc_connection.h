// gRPC connection of the load maker, on nghttp2: several times cheaper than gRPC's own client, so that one core can
// load a server on another.
#pragma once

#include <nghttp2/nghttp2.h>

#include <memory>
#include <string>
#include <vector>

#include "serve/load/bodies.h"
#include "serve/load/connection.h"

namespace triune::bench {

/// One HTTP/2 connection with one unary call at a time. Thread-compatible.
class GrpcConnection final : public Connection {
 public:
  /// Takes the socket. `path` is "/package.Service/Method"; `bodies` outlives the connection.
  GrpcConnection(int fd, const std::vector<Body>& bodies, const std::string& path);
  ~GrpcConnection() override;

  int fd() const override { return fd_; }
  Status Send(size_t index) override;
  Result<bool> Advance() override;
  Answer answer() const override;

 private:
  struct Callbacks;
  Status Write();
  Status Read();
  ssize_t FillData(uint8_t* out, size_t room, uint32_t* flags);

  int fd_;
  const std::vector<Body>& bodies_;
  std::string path_;
  std::unique_ptr<nghttp2_session, void (*)(nghttp2_session*)> session_{nullptr, nghttp2_session_del};

  // The call in flight.
  size_t index_ = 0;
  size_t filled_ = 0;  // bytes of frame head and body that went into DATA frames
  int32_t stream_ = -1;
  bool done_ = false;
  std::string http_status_;
  std::string grpc_status_;
  std::string error_;
  std::string message_;

  std::string output_;
  size_t written_ = 0;
  std::vector<uint8_t> input_;
};

}  // namespace triune::bench
