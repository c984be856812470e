// A client for tests: a blocking socket to the server on this machine, and just enough HTTP to read responses.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace triune::server::http::testing {

struct ClientResponse {
  int status = 0;  ///< 0: the connection ended before a whole response came.
  std::string head;
  std::string body;
};

/// Thread-compatible. Waits at most a minute for anything, so that a broken server fails the test instead of hanging
/// it.
class HttpClient {
 public:
  explicit HttpClient(int port) : descriptor_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    timeval most{.tv_sec = 60, .tv_usec = 0};
    setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
    setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most));
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(static_cast<uint16_t>(port));
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(descriptor_, reinterpret_cast<sockaddr*>(&where), sizeof(where)) == 0;
  }
  ~HttpClient() { Close(); }
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  bool connected() const { return connected_; }

  /// False when the server does not take everything.
  bool Send(std::string_view text) {
    while (!text.empty()) {
      ssize_t sent = send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  /// The next response. `has_body` is false after HEAD.
  ClientResponse Receive(bool has_body = true) {
    ClientResponse response;
    size_t end;
    while ((end = buffered_.find("\r\n\r\n")) == std::string::npos) {
      if (!ReceiveMore()) return {};
    }
    response.head = buffered_.substr(0, end + 2);
    buffered_.erase(0, end + 4);
    size_t length = 0;
    if (size_t at = response.head.find("Content-Length: "); at != std::string::npos) {
      length = std::strtoul(response.head.c_str() + at + 16, nullptr, 10);
    }
    while (has_body && buffered_.size() < length) {
      if (!ReceiveMore()) return {};
    }
    if (has_body) {
      response.body = buffered_.substr(0, length);
      buffered_.erase(0, length);
    }
    response.status = std::atoi(response.head.c_str() + sizeof("HTTP/1.1"));
    return response;
  }

  ClientResponse Exchange(std::string_view request) {
    EXPECT_TRUE(Send(request));
    return Receive();
  }

  /// Waits for the server to close the connection; false when more comes.
  bool IsClosedByServer() { return buffered_.empty() && !ReceiveMore(); }

  /// Sends no more, but still receives.
  void HalfClose() { shutdown(descriptor_, SHUT_WR); }
  /// Ends the connection with a reset, which the server notices at once.
  void Reset() {
    linger now{.l_onoff = 1, .l_linger = 0};
    setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    Close();
  }
  void Close() {
    if (descriptor_ >= 0) close(descriptor_);
    descriptor_ = -1;
  }

 private:
  bool ReceiveMore() {
    char piece[65536];
    ssize_t got = recv(descriptor_, piece, sizeof(piece), 0);
    if (got <= 0) return false;
    buffered_.append(piece, static_cast<size_t>(got));
    return true;
  }

  int descriptor_;
  bool connected_ = false;
  std::string buffered_;
};

}  // namespace triune::server::http::testing
