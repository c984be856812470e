// The HTTP floors: Boost.Beast on one thread, keep-alive, nothing but what every server must do.
#pragma once

#include <boost/asio.hpp>
#include <boost/beast.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#ifndef NDEBUG
#error "a floor that is not optimised is no floor: build it with CMAKE_BUILD_TYPE=Release"
#endif

namespace triune::bench {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

/// Room for one read. Beast reads as much as its buffer has room for; without this a large body comes in small pieces.
inline constexpr size_t kReadBufferBytes = 65536;
inline constexpr uint64_t kBodyLimitBytes = 64 << 20;
inline constexpr std::chrono::seconds kIdleTimeout{30};

/// One connection. Answer is called as `answer(std::string&& request_body, std::string& response_body)`; the response
/// body comes in empty and keeps its memory from one request to the next.
template <typename Answer>
class BeastSession : public std::enable_shared_from_this<BeastSession<Answer>> {
 public:
  BeastSession(asio::ip::tcp::socket socket, Answer& answer, const char* content_type)
      : stream_(std::move(socket)), answer_(answer), content_type_(content_type) {
    stream_.socket().set_option(asio::ip::tcp::no_delay(true));
    buffer_.reserve(kReadBufferBytes);
  }

  void Read() {
    parser_.emplace();
    parser_->body_limit(kBodyLimitBytes);
    stream_.expires_after(kIdleTimeout);
    http::async_read(stream_, buffer_, *parser_, [self = this->shared_from_this()](beast::error_code error, size_t) {
      if (!error) self->Write();
    });
  }

 private:
  void Write() {
    std::string body = std::move(response_.body());
    body.clear();
    answer_(std::move(parser_->get().body()), body);
    response_ = {http::status::ok, 11};
    response_.keep_alive(parser_->get().keep_alive());
    response_.set(http::field::content_type, content_type_);
    response_.body() = std::move(body);
    response_.prepare_payload();
    http::async_write(stream_, response_, [self = this->shared_from_this()](beast::error_code error, size_t) {
      if (!error && self->response_.keep_alive()) self->Read();
    });
  }

  beast::tcp_stream stream_;
  Answer& answer_;
  const char* content_type_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
};

/// Accepts on 127.0.0.1:`port` and answers until killed.
template <typename Answer>
class BeastServer {
 public:
  BeastServer(uint16_t port, Answer answer, const char* content_type)
      : acceptor_(context_, {asio::ip::address_v4::loopback(), port}),
        answer_(std::move(answer)),
        content_type_(content_type) {}

  void Run() {
    Accept();
    context_.run();
  }

 private:
  void Accept() {
    acceptor_.async_accept([this](beast::error_code error, asio::ip::tcp::socket socket) {
      if (!error) std::make_shared<BeastSession<Answer>>(std::move(socket), answer_, content_type_)->Read();
      Accept();
    });
  }

  // One thread: the hint lets Asio leave out its locks.
  asio::io_context context_{1};
  asio::ip::tcp::acceptor acceptor_;
  Answer answer_;
  const char* content_type_;
};

/// main() of a floor: `program PORT`.
template <typename Answer>
int RunFloor(int argc, char** argv, Answer answer, const char* content_type) {
  const int port = argc == 2 ? std::atoi(argv[1]) : 0;
  if (port <= 0 || port > UINT16_MAX) return std::fprintf(stderr, "usage: %s PORT\n", argv[0]), 2;
  BeastServer<Answer>(static_cast<uint16_t>(port), std::move(answer), content_type).Run();
  return 0;
}

}  // namespace triune::bench
