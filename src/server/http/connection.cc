#include "server/http/connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "server/http/http_status.h"
#include "server/http/worker.h"

namespace triune::server::http {
namespace {

/// A body is given all its memory at once up to here; beyond, as it comes, so that a lying length costs nothing.
constexpr size_t kTrustedBodyBytes = 4U << 20U;
/// Smaller bodies are sent in one piece with the head.
constexpr size_t kJoinedBodyBytes = 16U << 10U;
/// Reads of one connection in one round, before others get their turn.
constexpr int kReadsPerPump = 16;
constexpr Duration kLingerFor = std::chrono::seconds(2);
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::string_view TextOf(const Buffer& buffer) { return {reinterpret_cast<const char*>(buffer.data()), buffer.size()}; }
std::span<const std::byte> BytesOf(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// Where in a 64-byte line the body should begin, so that the tensors behind a V2 JSON header of known length are
/// aligned where they were read.
size_t BodyOffset(const Request& request) {
  std::string_view header = request.Find("Inference-Header-Content-Length");
  size_t length = 0;
  std::from_chars(header.data(), header.data() + header.size(), length);
  return (Buffer::kAlignment - length % Buffer::kAlignment) % Buffer::kAlignment;
}

}  // namespace

Connection::Connection(Worker& worker, int descriptor)
    : worker_(worker), descriptor_(descriptor), deadline_(worker.now() + worker.shared().limits.idle_timeout) {}

Connection::~Connection() {
  if (descriptor_ >= 0) close(descriptor_);
}

void Connection::OnEvents(uint32_t events) {
  if (state_ == State::kClosed) return;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) hangup_seen_ = true;
  if ((events & EPOLLERR) != 0 || ((events & EPOLLHUP) != 0 && !Reading())) return Close();
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) != 0) may_read_ = true;
  if ((events & EPOLLOUT) != 0 && state_ == State::kWriting) WriteMore();
  Pump();
}

void Connection::Pump() {
  if (pumping_) return;
  pumping_ = true;
  for (int reads = 0;;) {
    if (Reading() && pending_is_new_) {
      pending_is_new_ = false;
      Buffer input = std::move(pending_);
      Process(TextOf(input));
    } else if ((Reading() || state_ == State::kLingering) && may_read_) {
      if (++reads > kReadsPerPump) {
        worker_.PumpLater(*this);
        break;
      }
      ReadMore();
    } else {
      break;
    }
  }
  pumping_ = false;
}

void Connection::ReadMore() {
  switch (state_) {
    case State::kBody:
      return ReadIntoBody();
    case State::kLingering:
      return Discard();
    default:
      return ReadIntoScratch();
  }
}

size_t Connection::Receive(char* into, size_t most) {
  ssize_t got;
  do {
    got = recv(descriptor_, into, most, 0);
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    // A short read emptied the socket: the next bytes announce themselves with an event.
    if (static_cast<size_t>(got) < most && !hangup_seen_) may_read_ = false;
    return static_cast<size_t>(got);
  }
  may_read_ = false;
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 0;
  peer_closed_ = true;
  if (got < 0 || Reading() || state_ == State::kLingering) Close();
  return 0;
}

void Connection::ReadIntoScratch() {
  Buffer& scratch = worker_.scratch();
  size_t kept = pending_.size();
  char* begin = reinterpret_cast<char*>(scratch.mutable_data());
  if (kept > 0) std::memcpy(begin, pending_.data(), kept);
  size_t got = Receive(begin + kept, scratch.size() - kept);
  if (got == 0) return;
  pending_.Reset();
  Process({begin, kept + got});
}

void Connection::ReadIntoBody() {
  Request& request = exchange_->request;
  size_t& received = exchange_->body_received_;
  if (received == request.body_buffer.size() && !GrowBody()) return;
  size_t room = request.body_buffer.size() - received;
  received += Receive(reinterpret_cast<char*>(request.body_buffer.mutable_data()) + received, room);
  if (state_ != State::kBody || received < exchange_->content_length_) return;
  request.body = request.body_buffer.bytes();
  Dispatch();
}

void Connection::Discard() {
  Buffer& scratch = worker_.scratch();
  Receive(reinterpret_cast<char*>(scratch.mutable_data()), scratch.size());
}

void Connection::Process(std::string_view input) {
  while (!input.empty()) {
    size_t used = 0;
    bool go_on = false;
    if (state_ == State::kHead) {
      go_on = ReadHead(input, &used);
    } else if (state_ == State::kChunks) {
      go_on = ReadChunks(input, &used);
    }
    input.remove_prefix(used);
    if (!go_on) break;
  }
  if (input.empty() || state_ == State::kClosed || state_ == State::kLingering) return;
  pending_ = Buffer::CopyOf(BytesOf(input));
  pending_is_new_ = !Reading();
}

bool Connection::ReadHead(std::string_view input, size_t* used) {
  const Limits& limits = worker_.shared().limits;
  if (exchange_ == nullptr) {
    exchange_ = worker_.TakeExchange();
    exchange_->connection_ = this;
    exchange_->parser_.Reset({.header_bytes = limits.header_bytes, .body_bytes = limits.body_bytes});
    worker_.CountReceiving(*exchange_);
    deadline_ = DeadlineAfter(worker_.now(), limits.read_timeout);
  }
  Request& request = exchange_->request;
  size_t head_size = 0;
  switch (exchange_->parser_.ReadHead(input, request, &head_size)) {
    case RequestParser::State::kNeedMore:
      return false;
    case RequestParser::State::kError:
      Refuse(exchange_->parser_.error().http_status, exchange_->parser_.error().message);
      return false;
    default:
      break;
  }
  // The fields move to memory that stays.
  exchange_->head_.assign(input.substr(0, head_size));
  auto moved = [&](std::string_view view) -> std::string_view {
    return view.empty() ? view : std::string_view(exchange_->head_.data() + (view.data() - input.data()), view.size());
  };
  request.target = moved(request.target);
  request.path = moved(request.path);
  for (Header& header : request.headers) header = {moved(header.name), moved(header.value)};
  exchange_->keep_alive_ = exchange_->parser_.keep_alive();
  *used = head_size;
  size_t body_used = 0;
  bool go_on = BeginBody(input.substr(head_size), &body_used);
  *used += body_used;
  return go_on;
}

bool Connection::BeginBody(std::string_view rest, size_t* used) {
  Request& request = exchange_->request;
  RequestParser& parser = exchange_->parser_;
  exchange_->content_length_ = parser.chunked() ? 0 : parser.content_length();
  bool whole = !parser.chunked() && rest.size() >= exchange_->content_length_;
  if (std::string_view expect = request.Find("Expect"); !expect.empty() && !request.is_http_1_0) {
    if (!EqualsIgnoreCase(expect, "100-continue")) {
      Refuse(417, "the only expectation that can be met is 100-continue");
      return false;
    }
    // So few bytes fit into the socket's buffer; if they don't, the client is not there any more.
    if (!whole && send(descriptor_, kContinue.data(), kContinue.size(), MSG_NOSIGNAL) < 0) {
      Close();
      return false;
    }
  }
  if (parser.chunked()) {
    state_ = State::kChunks;
    return ReadChunks(rest, used);
  }
  if (whole) {
    request.body = BytesOf(rest.substr(0, exchange_->content_length_));
    *used = exchange_->content_length_;
    Dispatch();
    return state_ == State::kHead;
  }
  size_t first = std::min(exchange_->content_length_, kTrustedBodyBytes);
  if (!ReserveBuffered(first)) return false;
  size_t offset = BodyOffset(request);
  request.body_buffer = Buffer::Allocate(offset + first).Slice(offset, first);
  if (!rest.empty()) std::memcpy(request.body_buffer.mutable_data(), rest.data(), rest.size());
  exchange_->body_received_ = rest.size();
  *used = rest.size();
  state_ = State::kBody;
  return false;
}

bool Connection::GrowBody() {
  Buffer& body = exchange_->request.body_buffer;
  size_t bigger = std::min(exchange_->content_length_, body.size() * 2);
  if (!ReserveBuffered(bigger - body.size())) return false;
  size_t offset = BodyOffset(exchange_->request);
  Buffer grown = Buffer::Allocate(offset + bigger).Slice(offset, bigger);
  std::memcpy(grown.mutable_data(), body.data(), exchange_->body_received_);
  body = std::move(grown);
  return true;
}

bool Connection::ReadChunks(std::string_view input, size_t* used) {
  RequestParser& parser = exchange_->parser_;
  switch (parser.ReadChunks(input, used)) {
    case RequestParser::State::kNeedMore:
      if (input.size() - *used > worker_.shared().limits.header_bytes) {
        Refuse(400, "the chunked body is malformed: a chunk's first line is too long");
        return false;
      }
      // Reserved after the fact, but never by more than one read's worth.
      if (parser.body_size() > reserved_bytes_ && !ReserveBuffered(parser.body_size() - reserved_bytes_)) return false;
      return false;
    case RequestParser::State::kError:
      Refuse(parser.error().http_status, parser.error().message);
      return false;
    default:
      break;
  }
  exchange_->request.body_buffer = parser.TakeBody();
  exchange_->request.body = exchange_->request.body_buffer.bytes();
  Dispatch();
  return state_ == State::kHead;
}

bool Connection::ReserveBuffered(size_t bytes) {
  Shared& shared = worker_.shared();
  reserved_bytes_ += bytes;
  if (shared.buffered_bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes <= shared.limits.buffered_bytes)
    return true;
  Refuse(503, "the server holds too many bytes of request bodies: the limit is --max-buffered-bytes");
  return false;
}

void Connection::ReleaseBuffered() {
  if (reserved_bytes_ == 0) return;
  worker_.shared().buffered_bytes.fetch_sub(reserved_bytes_, std::memory_order_relaxed);
  reserved_bytes_ = 0;
}

void Connection::Dispatch() {
  Exchange& exchange = *exchange_;
  state_ = State::kWaiting;
  deadline_ = kNever;
  exchange.received = worker_.now();
  exchange.waiting_ = true;
  worker_.CountIn(exchange);
  exchange.in_handler_ = true;
  worker_.shared().handler->Handle(exchange);
  exchange.in_handler_ = false;
  if (exchange.replied_in_handler_) {
    exchange.waiting_ = false;
    OnReply(exchange);
  } else if (exchange.deadline != kNever) {
    worker_.WatchDeadline(exchange);
  }
}

void Connection::OnReply(Exchange&) { StartWriting(); }

void Connection::OnDeadline(Exchange& late) {
  late.connection_ = nullptr;
  if (late.state != nullptr) late.state->Abandon(StatusCode::kDeadlineExceeded);
  exchange_ = worker_.TakeExchange();
  exchange_->connection_ = this;
  exchange_->keep_alive_ = late.keep_alive_;
  exchange_->request.method = late.request.method;
  exchange_->request.is_http_1_0 = late.request.is_http_1_0;
  exchange_->response.SetError(DeadlineExceeded("the request's deadline passed before it was answered"));
  if (!late.request_id.empty()) exchange_->response.AddHeader("X-Request-Id", late.request_id);
  worker_.CountIn(*exchange_);
  StartWriting();
}

void Connection::Refuse(int http_status, std::string_view message) {
  if (exchange_ == nullptr) {
    exchange_ = worker_.TakeExchange();
    exchange_->connection_ = this;
  }
  worker_.shared().refused.Add();
  worker_.CountIn(*exchange_);
  exchange_->response.Clear();
  exchange_->response.SetError(http_status, message);
  exchange_->response.close = true;
  StartWriting();
}

void Connection::WriteHead(const Exchange& exchange, TextBuffer& out) {
  const Response& response = exchange.response;
  out.Clear();
  out.Append("HTTP/1.1 ");
  out.AppendNumber(response.status);
  out.Append(' ');
  out.Append(HttpReason(response.status));
  out.Append("\r\n");
  out.Append(worker_.DateHeader());
  if (response.status != 204) {
    out.Append("Content-Type: ");
    out.Append(response.content_type);
    out.Append("\r\nContent-Length: ");
    out.AppendNumber(response.BodySize());
    out.Append("\r\n");
  }
  out.Append(response.headers.view());
  if (close_after_) {
    out.Append("Connection: close\r\n");
  } else if (exchange.request.is_http_1_0) {
    out.Append("Connection: keep-alive\r\n");
  }
  out.Append("\r\n");
}

void Connection::StartWriting() {
  Exchange& exchange = *exchange_;
  Response& response = exchange.response;
  close_after_ = close_after_ || !exchange.keep_alive_ || response.close ||
                 worker_.shared().draining.load(std::memory_order_relaxed);
  worker_.CountResponse(response.status);
  TextBuffer& head = exchange.head_out_;
  WriteHead(exchange, head);
  out_.clear();
  out_next_ = 0;
  bool has_body = exchange.request.method != Method::kHead && response.status != 204;
  bool joined = has_body && response.body.size() <= kJoinedBodyBytes;
  if (joined) head.Append(response.body.view());
  out_.push_back({head.data(), head.size()});
  if (has_body) {
    if (!joined) out_.push_back({response.body.data(), response.body.size()});
    for (const Buffer& buffer : response.tail) {
      if (!buffer.empty()) out_.push_back({const_cast<std::byte*>(buffer.data()), buffer.size()});
    }
  }
  state_ = State::kWriting;
  deadline_ = DeadlineAfter(worker_.now(), worker_.shared().limits.write_timeout);
  WriteMore();
  if (state_ != State::kWriting) Pump();
}

void Connection::WriteMore() {
  constexpr size_t kMostPieces = 64;
  while (out_next_ < out_.size()) {
    msghdr message{};
    message.msg_iov = &out_[out_next_];
    message.msg_iovlen = std::min(out_.size() - out_next_, kMostPieces);
    ssize_t sent = sendmsg(descriptor_, &message, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      return Close();
    }
    deadline_ = DeadlineAfter(worker_.now(), worker_.shared().limits.write_timeout);
    auto left = static_cast<size_t>(sent);
    while (left > 0) {
      iovec& piece = out_[out_next_];
      size_t step = std::min(left, piece.iov_len);
      piece.iov_base = static_cast<char*>(piece.iov_base) + step;
      piece.iov_len -= step;
      left -= step;
      if (piece.iov_len == 0) ++out_next_;
    }
  }
  FinishResponse();
}

void Connection::FinishResponse() {
  worker_.GiveBack(*exchange_);
  exchange_ = nullptr;
  ReleaseBuffered();
  const Limits& limits = worker_.shared().limits;
  if (!close_after_) {
    state_ = State::kHead;
    deadline_ = DeadlineAfter(worker_.now(), limits.idle_timeout);
    // What the client sent before it stopped sending was answered, all but an incomplete rest.
    if (peer_closed_ && pending_.empty()) Close();
    return;
  }
  if (peer_closed_) return Close();
  // Closing with bytes unread would reset the connection and might take the response from the client.
  shutdown(descriptor_, SHUT_WR);
  pending_.Reset();
  state_ = State::kLingering;
  deadline_ = worker_.now() + std::min(kLingerFor, limits.read_timeout);
}

void Connection::CheckTime(TimePoint now) {
  if (deadline_ > now) return;
  if (Reading() && exchange_ != nullptr) {
    Refuse(408, "the request was not complete within --read-timeout");
  } else {
    if (state_ != State::kLingering) worker_.shared().timed_out.Add();
    Close();
  }
}

void Connection::CloseWhenIdle() {
  if (state_ == State::kHead && exchange_ == nullptr) {
    // A request may be in the socket already; it is still answered.
    may_read_ = true;
    Pump();
    if (state_ == State::kHead && exchange_ == nullptr) Close();
  }
}

void Connection::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  if (exchange_ != nullptr) {
    exchange_->connection_ = nullptr;
    if (!exchange_->waiting_) {
      worker_.GiveBack(*exchange_);
    } else if (exchange_->state != nullptr) {
      exchange_->state->Abandon(StatusCode::kCancelled);
    }
    exchange_ = nullptr;
  }
  ReleaseBuffered();
  pending_.Reset();
  worker_.loop().Remove(descriptor_);
  close(descriptor_);
  descriptor_ = -1;
  worker_.Forget(*this);
}

}  // namespace triune::server::http
