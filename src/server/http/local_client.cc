#include "server/http/local_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <span>

#include "base/clock.h"
#include "base/strings.h"

namespace triune::server::http {
namespace {

namespace beast = boost::beast;

constexpr uint64_t kMostBody = uint64_t{256} << 20U;

/// Of the connection, which closes with it.
class Socket {
 public:
  Socket(int fd, std::string_view name, TimePoint deadline) : fd_(fd), name_(name), deadline_(deadline) {}
  ~Socket() { close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  Status Send(std::string_view bytes) {
    while (!bytes.empty()) {
      TRIUNE_RETURN_IF_ERROR(Await(POLLOUT));
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0) {
        bytes.remove_prefix(static_cast<size_t>(sent));
      } else if (errno != EAGAIN && errno != EINTR) {
        return Broken();
      }
    }
    return {};
  }
  /// 0 at the end.
  Result<size_t> Receive(std::span<char> room) {
    while (true) {
      TRIUNE_RETURN_IF_ERROR(Await(POLLIN));
      const ssize_t count = recv(fd_, room.data(), room.size(), MSG_DONTWAIT);
      if (count >= 0) return static_cast<size_t>(count);
      if (errno != EAGAIN && errno != EINTR) return Broken();
    }
  }

 private:
  Status Await(short events) {
    while (true) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::System().Now()).count();
      if (left <= 0) return DeadlineExceeded(StrCat("no answer in time at ", name_));
      pollfd waiting{.fd = fd_, .events = events, .revents = 0};
      const int ready = poll(&waiting, 1, static_cast<int>(left));
      if (ready > 0) return {};
      if (ready < 0 && errno != EINTR) return Broken();
    }
  }
  Status Broken() const { return Unavailable(StrCat("the connection to ", name_, " broke: ", std::strerror(errno))); }

  const int fd_;
  const std::string_view name_;
  const TimePoint deadline_;
};

}  // namespace

Result<LocalAnswer> GetFromSocket(const std::string& socket_path, std::string_view target, Duration timeout) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.empty() || socket_path.size() >= sizeof(address.sun_path)) {
    return InvalidArgument(
        StrCat("a socket's path has 1 to ", sizeof(address.sun_path) - 1, " bytes; this has ", socket_path.size()));
  }
  std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return Unavailable(StrCat("no socket: ", std::strerror(errno)));
  Socket socket(fd, socket_path, Clock::System().Now() + timeout);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    if (errno == ENOENT) return NotFound(StrCat("there is no socket ", socket_path));
    return Unavailable(StrCat("nobody listens at ", socket_path, ": ", std::strerror(errno)));
  }
  TRIUNE_RETURN_IF_ERROR(
      socket.Send(StrCat("GET ", target, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")));

  beast::http::response_parser<beast::http::string_body> parser;
  parser.body_limit(kMostBody);
  parser.eager(true);
  std::string unread;
  std::array<char, 65536> room{};
  while (!parser.is_done()) {
    TRIUNE_ASSIGN_OR_RETURN(const size_t count, socket.Receive(room));
    beast::error_code error;
    if (count == 0) {
      parser.put_eof(error);
    } else {
      unread.append(room.data(), count);
      unread.erase(0, parser.put(boost::asio::buffer(unread), error));
      if (error == beast::http::error::need_more) error = {};
    }
    if (error) return Unavailable(StrCat("no answer in HTTP at ", socket_path, ": ", error.message()));
    if (count == 0 && !parser.is_done()) return Unavailable(StrCat("the answer at ", socket_path, " ends too early"));
  }
  return LocalAnswer{.status = static_cast<int>(parser.get().result_int()), .body = std::move(parser.get().body())};
}

}  // namespace triune::server::http
