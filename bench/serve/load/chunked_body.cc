#include "serve/load/chunked_body.h"

#include <charconv>

namespace triune::bench {

void ChunkedBody::Clear() {
  used_ = 0;
  body_.clear();
}

Result<bool> ChunkedBody::Read(std::string_view input) {
  while (true) {
    const std::string_view rest = input.substr(used_);
    const size_t line = rest.find("\r\n");
    if (line == std::string_view::npos) return false;
    size_t size = 0;
    // What follows the size up to the end of the line is an extension, which means nothing to us.
    if (std::from_chars(rest.data(), rest.data() + line, size, 16).ec != std::errc() || size > input.max_size() / 2) {
      return Internal("answer with a broken chunk");
    }
    const size_t whole = line + 2 + size + 2;
    if (rest.size() < whole) return false;
    if (rest.substr(whole - 2, 2) != "\r\n") return Internal("answer with a broken chunk or with trailers");
    body_.append(rest, line + 2, size);
    used_ += whole;
    if (size > 0) continue;
    if (used_ != input.size()) return Internal("more bytes than the answer's chunks");
    return true;
  }
}

}  // namespace triune::bench
