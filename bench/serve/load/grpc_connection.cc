#include "serve/load/grpc_connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/strings.h"

namespace triune::bench {
namespace {

constexpr size_t kInputBytes = 65536;
// A length-prefixed message: one byte "compressed", four bytes length, big-endian.
constexpr size_t kFrameHeadBytes = 5;
// So large that the answers never wait for a window update of ours.
constexpr int32_t kWindowBytes = 64 << 20;

nghttp2_nv Header(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

uint32_t BigEndian32(const char* bytes) {
  uint32_t number = 0;
  std::memcpy(&number, bytes, sizeof(number));
  return __builtin_bswap32(number);
}

}  // namespace

struct GrpcConnection::Callbacks {
  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                      const uint8_t* value, size_t value_size, uint8_t, void* user) {
    auto* self = static_cast<GrpcConnection*>(user);
    if (frame->hd.stream_id != self->stream_) return 0;
    const std::string_view key(reinterpret_cast<const char*>(name), name_size);
    const std::string_view text(reinterpret_cast<const char*>(value), value_size);
    if (key == ":status") self->http_status_ = text;
    if (key == "grpc-status") self->grpc_status_ = text;
    if (key == "grpc-message") self->error_ = text;
    return 0;
  }
  static int OnData(nghttp2_session*, uint8_t, int32_t stream, const uint8_t* data, size_t size, void* user) {
    auto* self = static_cast<GrpcConnection*>(user);
    if (stream == self->stream_) self->message_.append(reinterpret_cast<const char*>(data), size);
    return 0;
  }
  static int OnStreamClose(nghttp2_session*, int32_t stream, uint32_t, void* user) {
    auto* self = static_cast<GrpcConnection*>(user);
    if (stream == self->stream_) self->done_ = true;
    return 0;
  }
  static ssize_t Fill(nghttp2_session*, int32_t, uint8_t* out, size_t room, uint32_t* flags, nghttp2_data_source*,
                      void* user) {
    return static_cast<GrpcConnection*>(user)->FillData(out, room, flags);
  }
};

GrpcConnection::GrpcConnection(int fd, const std::vector<Body>& bodies, const std::string& path)
    : fd_(fd), bodies_(bodies), path_(path), input_(kInputBytes) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::OnData);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::OnStreamClose);
  nghttp2_session* session = nullptr;
  nghttp2_session_client_new(&session, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  session_.reset(session);
  const std::array<nghttp2_settings_entry, 2> settings{
      {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}, {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindowBytes}}};
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kWindowBytes);
}

GrpcConnection::~GrpcConnection() { close(fd_); }

Status GrpcConnection::Send(size_t index) {
  index_ = index;
  filled_ = 0;
  done_ = false;
  http_status_.clear();
  grpc_status_.clear();
  error_.clear();
  message_.clear();
  const std::array<nghttp2_nv, 6> headers{Header(":method", "POST"), Header(":scheme", "http"),
                                          Header(":path", path_),    Header(":authority", "127.0.0.1"),
                                          Header("te", "trailers"),  Header("content-type", "application/grpc")};
  nghttp2_data_provider provider{};
  provider.read_callback = Callbacks::Fill;
  stream_ = nghttp2_submit_request(session_.get(), nullptr, headers.data(), headers.size(), &provider, nullptr);
  if (stream_ < 0) return Internal(StrCat("HTTP/2: ", nghttp2_strerror(stream_)));
  return Write();
}

ssize_t GrpcConnection::FillData(uint8_t* out, size_t room, uint32_t* flags) {
  const Body& body = bodies_[index_];
  const auto size = static_cast<uint32_t>(body.size);
  const char head[kFrameHeadBytes] = {0, static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                                      static_cast<char>(size >> 8), static_cast<char>(size)};
  size_t skip = filled_;
  size_t used = 0;
  const auto add = [&](std::string_view part) {
    const size_t skipped = std::min(skip, part.size());
    skip -= skipped;
    part = part.substr(skipped, room - used);
    std::memcpy(out + used, part.data(), part.size());
    used += part.size();
  };
  add(std::string_view(head, sizeof(head)));
  for (const std::string_view piece : body.pieces) add(piece);
  filled_ += used;
  if (filled_ == kFrameHeadBytes + body.size) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(used);
}

Status GrpcConnection::Write() {
  while (true) {
    // Frames are gathered, so that the headers and the body of a small request go out in one packet.
    while (output_.size() < kInputBytes) {
      const uint8_t* data = nullptr;
      const ssize_t size = nghttp2_session_mem_send(session_.get(), &data);
      if (size < 0) return Internal(StrCat("HTTP/2: ", nghttp2_strerror(static_cast<int>(size))));
      if (size == 0) break;
      output_.append(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
    }
    if (output_.empty()) return {};
    while (written_ < output_.size()) {
      const ssize_t sent = send(fd_, output_.data() + written_, output_.size() - written_, MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN ? Status() : Unavailable(StrCat("send: ", std::strerror(errno)));
      written_ += static_cast<size_t>(sent);
    }
    output_.clear();
    written_ = 0;
  }
}

Status GrpcConnection::Read() {
  while (true) {
    const ssize_t got = recv(fd_, input_.data(), input_.size(), 0);
    if (got < 0) return errno == EAGAIN ? Status() : Unavailable(StrCat("recv: ", std::strerror(errno)));
    if (got == 0) return Unavailable("the server closed the connection");
    const ssize_t used = nghttp2_session_mem_recv(session_.get(), input_.data(), static_cast<size_t>(got));
    if (used < 0) return Internal(StrCat("HTTP/2: ", nghttp2_strerror(static_cast<int>(used))));
    // Less than there was room for: the socket is empty, and says so again when it is not.
    if (static_cast<size_t>(got) < input_.size()) return {};
  }
}

Result<bool> GrpcConnection::Advance() {
  TRIUNE_RETURN_IF_ERROR(Read());
  TRIUNE_RETURN_IF_ERROR(Write());
  if (!done_ && nghttp2_session_want_read(session_.get()) == 0) return Unavailable("the server ended the connection");
  return done_;
}

Answer GrpcConnection::answer() const {
  if (http_status_ != "200" || grpc_status_ != "0") {
    return {.ok = false, .head = grpc_status_.empty() ? http_status_ : grpc_status_, .body = error_};
  }
  // One uncompressed message, and nothing after it.
  const bool whole = message_.size() >= kFrameHeadBytes && message_[0] == 0 &&
                     BigEndian32(message_.data() + 1) == message_.size() - kFrameHeadBytes;
  if (!whole) return {.ok = false, .head = "broken message frame", .body = message_};
  return {.ok = true, .head = {}, .body = std::string_view(message_).substr(kFrameHeadBytes)};
}

}  // namespace triune::bench
