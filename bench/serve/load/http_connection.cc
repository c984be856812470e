#include "serve/load/http_connection.h"

#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstring>

#include "base/strings.h"

namespace triune::bench {
namespace {

constexpr size_t kInputBytes = 65536;

/// The value of header `name` in a head, or an empty view.
std::string_view HeaderValue(std::string_view head, std::string_view name) {
  for (size_t line = head.find("\r\n"); line != std::string_view::npos; line = head.find("\r\n", line)) {
    line += 2;
    if (head.size() - line <= name.size() || head[line + name.size()] != ':') continue;
    if (strncasecmp(head.data() + line, name.data(), name.size()) != 0) continue;
    std::string_view value = head.substr(line + name.size() + 1);
    value = value.substr(0, value.find("\r\n"));
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    return value;
  }
  return {};
}

}  // namespace

HttpRequests::HttpRequests(const std::vector<Body>& all_bodies, const std::string& path,
                           const std::vector<std::string>& headers)
    : bodies(all_bodies) {
  std::string common = "POST " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n";
  for (const std::string& header : headers) common += header + "\r\n";
  heads.reserve(bodies.size());
  for (const Body& body : bodies) heads.push_back(StrCat(common, "Content-Length: ", body.size, "\r\n\r\n"));
}

HttpConnection::HttpConnection(int fd, const HttpRequests& requests)
    : fd_(fd), requests_(requests), input_(kInputBytes) {}

HttpConnection::~HttpConnection() { close(fd_); }

Status HttpConnection::Send(size_t index) {
  index_ = index;
  written_ = 0;
  to_write_ = requests_.heads[index].size() + requests_.bodies[index].size;
  received_ = head_bytes_ = body_bytes_ = 0;
  complete_ = false;
  return Write();
}

Status HttpConnection::Write() {
  while (written_ < to_write_) {
    std::array<iovec, 1 + Body::kPieces> parts;
    size_t count = 0;
    size_t skip = written_;
    const auto add = [&](std::string_view part) {
      const size_t skipped = std::min(skip, part.size());
      skip -= skipped;
      part.remove_prefix(skipped);
      if (!part.empty()) parts[count++] = {const_cast<char*>(part.data()), part.size()};
    };
    add(requests_.heads[index_]);
    for (const std::string_view piece : requests_.bodies[index_].pieces) add(piece);
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = count;
    const ssize_t sent = sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN ? Status() : Unavailable(StrCat("send: ", std::strerror(errno)));
    written_ += static_cast<size_t>(sent);
  }
  return {};
}

Result<bool> HttpConnection::Advance() {
  TRIUNE_RETURN_IF_ERROR(Write());
  TRIUNE_RETURN_IF_ERROR(Read());
  if (head_bytes_ == 0) return false;
  if (chunked_) {
    if (complete_) return true;
    TRIUNE_ASSIGN_OR_RETURN(complete_, chunks_.Read(std::string_view(input_.data(), received_).substr(head_bytes_)));
    return complete_;
  }
  const size_t total = head_bytes_ + body_bytes_;
  if (received_ > total) return Internal("more bytes than the answer's Content-Length");
  return received_ == total;
}

Status HttpConnection::Read() {
  while (true) {
    if (received_ == input_.size()) input_.resize(2 * input_.size());
    const size_t room = input_.size() - received_;
    const ssize_t got = recv(fd_, input_.data() + received_, room, 0);
    if (got < 0) return errno == EAGAIN ? Status() : Unavailable(StrCat("recv: ", std::strerror(errno)));
    if (got == 0) return Unavailable("the server closed the connection");
    received_ += static_cast<size_t>(got);
    if (head_bytes_ == 0) TRIUNE_RETURN_IF_ERROR(ParseHead());
    // Less than there was room for: the socket is empty, and says so again when it is not.
    if (static_cast<size_t>(got) < room) return {};
  }
}

Status HttpConnection::ParseHead() {
  const std::string_view input(input_.data(), received_);
  const size_t end = input.find("\r\n\r\n");
  if (end == std::string_view::npos) return {};
  const std::string_view head = input.substr(0, end + 2);
  chunked_ = HeaderValue(head, "transfer-encoding") == "chunked";
  if (chunked_) {
    head_bytes_ = end + 4;
    chunks_.Clear();
    return {};
  }
  const std::string_view length = HeaderValue(head, "content-length");
  const auto [rest, error] = std::from_chars(length.data(), length.data() + length.size(), body_bytes_);
  if (error != std::errc() || rest != length.data() + length.size()) {
    return Unimplemented(StrCat("answer without a proper Content-Length: ", head));
  }
  head_bytes_ = end + 4;
  if (input_.size() <= head_bytes_ + body_bytes_) input_.resize(head_bytes_ + body_bytes_ + 1);
  return {};
}

Answer HttpConnection::answer() const {
  const std::string_view input(input_.data(), received_);
  return {.ok = input.starts_with("HTTP/1.1 200 "),
          .head = input.substr(0, head_bytes_),
          .body = chunked_ ? std::string_view(chunks_.body()) : input.substr(head_bytes_)};
}

}  // namespace triune::bench
