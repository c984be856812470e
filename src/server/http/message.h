// An HTTP request as it was read and the response as it will be written.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/reusable_vector.h"
#include "base/text_buffer.h"
#include "triune/buffer.h"
#include "triune/status.h"

namespace triune::server::http {

enum class Method : uint8_t { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions, kOther };

struct Header {
  std::string_view name;
  std::string_view value;
};

/// All views point into memory of the exchange that the request belongs to, and live as long as it.
struct Request {
  Method method = Method::kOther;
  std::string_view target;  ///< As sent: path and query.
  std::string_view path;    ///< Of the target, not percent-decoded.
  std::vector<Header> headers;
  bool is_http_1_0 = false;
  std::span<const std::byte> body;  ///< At least Buffer::kPadding readable bytes follow it.
  /// Set when the body has a buffer of its own; otherwise it lies in the thread's read buffer and is gone when the
  /// handler returns (see Exchange::KeepBody).
  Buffer body_buffer;

  /// Names are compared without case. The first one; empty when there is none.
  std::string_view Find(std::string_view name) const;
  bool Has(std::string_view name) const;
  void Clear();
};

struct Response {
  int status = 200;
  std::string_view content_type = "application/json";  ///< Static text.
  TextBuffer headers;                                  ///< More header lines, each with its CR LF.
  TextBuffer body;
  std::vector<Buffer> tail;  ///< Bytes that follow the body: tensors, sent from where they lie.
  bool close = false;        ///< Close the connection after this response.

  size_t BodySize() const;
  void AddHeader(std::string_view name, std::string_view value);
  /// Makes this the answer {"error": message} with the status' HTTP code.
  void SetError(const Status& error);
  void SetError(int http_status, std::string_view message);
  void Clear();
};

/// Equal but for the case of ASCII letters.
bool EqualsIgnoreCase(std::string_view a, std::string_view b);

}  // namespace triune::server::http
