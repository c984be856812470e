#include "server/http/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/strings.h"

namespace triune::server::http {
namespace {

constexpr int kGzipOrZlib = 15 + 32;
constexpr int kGzip = 15 + 16;

uInt Step(size_t bytes) { return static_cast<uInt>(std::min<size_t>(bytes, 1U << 30U)); }

}  // namespace

Result<Buffer> Gunzip(std::span<const std::byte> packed, size_t limit, const std::function<bool(size_t)>& reserve) {
  z_stream stream{};
  if (inflateInit2(&stream, kGzipOrZlib) != Z_OK) return Internal("zlib could not be started");
  std::unique_ptr<z_stream, int (*)(z_streamp)> end(&stream, inflateEnd);
  auto no_memory = [] { return ResourceExhausted("the server holds too many bytes of request bodies"); };
  size_t first = std::min(std::max<size_t>(packed.size() * 4, 4096), limit);
  if (!reserve(first)) return no_memory();
  Buffer out = Buffer::Allocate(first);
  size_t written = 0;
  auto* input = reinterpret_cast<Bytef*>(const_cast<std::byte*>(packed.data()));
  size_t left = packed.size();
  int result = Z_OK;
  while (result != Z_STREAM_END) {
    if (written == out.size()) {
      if (out.size() >= limit)
        return Status(StatusCode::kOutOfRange, StrCat("the unpacked body is larger than ", limit, " bytes"));
      size_t size = std::min(out.size() * 2, limit);
      if (!reserve(size - out.size())) return no_memory();
      Buffer bigger = Buffer::Allocate(size);
      std::memcpy(bigger.mutable_data(), out.data(), written);
      out = std::move(bigger);
    }
    stream.next_in = input;
    stream.avail_in = Step(left);
    stream.next_out = reinterpret_cast<Bytef*>(out.mutable_data()) + written;
    stream.avail_out = Step(out.size() - written);
    uInt given_in = stream.avail_in;
    uInt given_out = stream.avail_out;
    result = inflate(&stream, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      return InvalidArgument("the compressed body is damaged");
    }
    size_t used = given_in - stream.avail_in;
    size_t made = given_out - stream.avail_out;
    input += used;
    left -= used;
    written += made;
    if (result != Z_STREAM_END && used == 0 && made == 0) return InvalidArgument("the compressed body is cut short");
    // A gzip file may have several members, one after another (RFC 1952 section 2.2); anything else is too much.
    if (result == Z_STREAM_END && left > 0) {
      if (left < 2 || input[0] != 0x1f || input[1] != 0x8b)
        return InvalidArgument("something follows the compressed body");
      if (inflateReset(&stream) != Z_OK) return Internal("zlib could not be started again");
      result = Z_OK;
    }
  }
  out.Truncate(written);
  return out;
}

void GzipBody(Response& response, int level) {
  z_stream stream{};
  if (deflateInit2(&stream, level, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) != Z_OK) return;
  std::unique_ptr<z_stream, int (*)(z_streamp)> end(&stream, deflateEnd);
  size_t bound = deflateBound(&stream, static_cast<uLong>(response.BodySize()));
  TextBuffer packed;
  auto* out = reinterpret_cast<Bytef*>(packed.Reserve(bound));
  size_t written = 0;
  auto feed = [&](const void* data, size_t size, bool last) {
    auto* next = static_cast<const Bytef*>(data);
    do {
      stream.next_in = const_cast<Bytef*>(next);
      stream.avail_in = Step(size);
      uInt given = stream.avail_in;
      stream.next_out = out + written;
      stream.avail_out = Step(bound - written);
      uInt room = stream.avail_out;
      int result = deflate(&stream, last && given == size ? Z_FINISH : Z_NO_FLUSH);
      if (result == Z_STREAM_ERROR || (result == Z_BUF_ERROR && given > 0)) return false;
      size_t used = given - stream.avail_in;
      written += room - stream.avail_out;
      next += used;
      size -= used;
    } while (size > 0);
    return true;
  };
  bool good = feed(response.body.data(), response.body.size(), response.tail.empty());
  for (size_t i = 0; good && i < response.tail.size(); ++i) {
    good = feed(response.tail[i].data(), response.tail[i].size(), i + 1 == response.tail.size());
  }
  if (!good) return;
  packed.Advance(written);
  response.body = std::move(packed);
  response.tail.clear();
  response.AddHeader("Content-Encoding", "gzip");
  response.AddHeader("Vary", "Accept-Encoding");
}

}  // namespace triune::server::http
