// HTTP/1.1 chunked bodies, which some of the peers answer with.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "triune/status.h"

namespace triune::bench {

/// Puts the chunks of one body together. Thread-compatible.
class ChunkedBody {
 public:
  void Clear();
  /// `input`: all bytes behind the head that have come so far. True when the body is complete; an error when this is
  /// not the chunked coding, or more follows than one body.
  Result<bool> Read(std::string_view input);
  const std::string& body() const { return body_; }

 private:
  size_t used_ = 0;  // whole chunks at the front of the input that are in body_
  std::string body_;
};

}  // namespace triune::bench
