#include "server/http/request_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>
#include <cstring>
#include <optional>

namespace triune::server::http {
namespace {

namespace beast = boost::beast;
using beast::error_code;
using BeastError = beast::http::error;

constexpr std::string_view kHeadEnd = "\r\n\r\n";

std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

Method ToMethod(beast::http::verb verb) {
  switch (verb) {
    case beast::http::verb::get:
      return Method::kGet;
    case beast::http::verb::head:
      return Method::kHead;
    case beast::http::verb::post:
      return Method::kPost;
    case beast::http::verb::put:
      return Method::kPut;
    case beast::http::verb::patch:
      return Method::kPatch;
    case beast::http::verb::delete_:
      return Method::kDelete;
    case beast::http::verb::options:
      return Method::kOptions;
    default:
      return Method::kOther;
  }
}

/// The path of "/path?query", or of the "http://host/path?query" that a proxy may send (RFC 9112 section 3.2.2).
std::string_view PathOf(std::string_view target) {
  if (!target.starts_with('/')) {
    size_t authority = target.find("://");
    if (authority != std::string_view::npos) {
      target.remove_prefix(std::min(target.find_first_of("/?", authority + 3), target.size()));
    }
  }
  return target.substr(0, target.find('?'));
}

ParseError Explain(const error_code& code) {
  if (code == BeastError::header_limit) return {431, "the request's head is larger than --max-header-bytes"};
  if (code == BeastError::body_limit) return {413, "the request's body is larger than --max-body-bytes"};
  if (code == BeastError::bad_content_length || code == BeastError::multiple_content_length) {
    return {400, "Content-Length is not one number, or stands beside Transfer-Encoding"};
  }
  if (code == BeastError::bad_transfer_encoding)
    return {400, "Transfer-Encoding is malformed, or stands beside Content-Length"};
  if (code == BeastError::bad_version) return {505, "the HTTP version is not 1.0 or 1.1"};
  if (code == BeastError::bad_chunk || code == BeastError::bad_chunk_extension)
    return {400, "the chunked body is malformed"};
  if (code == BeastError::bad_target) return {400, "the request's target is malformed"};
  if (code == BeastError::bad_method) return {400, "the request's method is malformed"};
  return {400, "the request's head is malformed"};
}

}  // namespace

/// Beast calls back with views into the memory that it was given; they are kept as they are.
class RequestParser::Impl : public beast::http::basic_parser<true> {
 public:
  explicit Impl(const Limits& limits) : limits_(limits) {
    header_limit(static_cast<uint32_t>(std::min<size_t>(limits.header_bytes, UINT32_MAX)));
    body_limit(limits.body_bytes);
    eager(false);
  }

  Request* request = nullptr;  ///< Null once the head was read: trailers of chunked bodies are ignored.
  std::string_view head;
  size_t searched = 0;  ///< So many bytes of the input hold no end of the head.
  ParseError failure;
  Buffer body;
  size_t body_size = 0;

  void SetFailure(const error_code& code) {
    if (failure.message.empty()) failure = Explain(code);
  }
  bool HasOneHost() const { return hosts_ == 1 || (hosts_ == 0 && !is_1_1_); }

 private:
  void on_request_impl(beast::http::verb method, beast::string_view, beast::string_view target, int version,
                       error_code&) override {
    request->method = ToMethod(method);
    request->target = View(target);
    request->path = PathOf(request->target);
    is_1_1_ = version == 11;
    request->is_http_1_0 = !is_1_1_;
  }
  void on_response_impl(int, beast::string_view, int, error_code&) override {}

  void on_field_impl(beast::http::field field, beast::string_view name, beast::string_view value,
                     error_code& code) override {
    if (request == nullptr) return;
    if (request->headers.size() == limits_.header_count) {
      failure = {431, "the request has too many header fields"};
      code = BeastError::header_limit;
      return;
    }
    // A folded value (RFC 9112 section 5.2, obsolete) was joined in Beast's own memory, which is gone afterwards.
    if (!value.empty() && (value.data() < head.data() || value.data() >= head.data() + head.size())) {
      failure = {400, "a header field is folded over several lines"};
      code = BeastError::bad_obs_fold;
      return;
    }
    if (field == beast::http::field::host) ++hosts_;
    if (field == beast::http::field::transfer_encoding && (!EqualsIgnoreCase(View(value), "chunked") || !is_1_1_)) {
      failure = {501, "Transfer-Encoding other than chunked over HTTP/1.1 is not supported"};
      code = BeastError::bad_transfer_encoding;
      return;
    }
    request->headers.push_back({View(name), View(value)});
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<uint64_t>&, error_code&) override {}
  size_t on_body_impl(beast::string_view text, error_code&) override { return text.size(); }
  void on_chunk_header_impl(uint64_t, beast::string_view, error_code&) override {}
  size_t on_chunk_body_impl(uint64_t, beast::string_view text, error_code&) override {
    if (body_size + text.size() > body.size() || body_size == 0) GrowBody(text.size());
    std::memcpy(body.mutable_data() + body_size, text.data(), text.size());
    body_size += text.size();
    return text.size();
  }
  void on_finish_impl(error_code&) override {}

  void GrowBody(size_t more) {
    Buffer bigger = Buffer::Allocate(std::max<size_t>({4096, body.size() * 2, body_size + more}));
    if (body_size > 0) std::memcpy(bigger.mutable_data(), body.data(), body_size);
    body = std::move(bigger);
  }

  Limits limits_;
  int hosts_ = 0;
  bool is_1_1_ = false;

  friend class RequestParser;
};

RequestParser::RequestParser() = default;
RequestParser::~RequestParser() = default;

void RequestParser::Reset(const Limits& limits) {
  // The memory of the parser is used again: a request must not allocate.
  if (impl_ == nullptr) {
    impl_ = std::make_unique<Impl>(limits);
    return;
  }
  Impl* impl = impl_.get();
  impl->~Impl();
  new (impl) Impl(limits);
}

RequestParser::State RequestParser::ReadHead(std::string_view input, Request& request, size_t* consumed) {
  *consumed = 0;
  // Beast would read a head in pieces; the views into it must all point into the same memory, so it gets it whole.
  size_t start = input.find_first_not_of("\r\n");  // empty lines before a request are ignored (RFC 9112 section 2.2)
  if (start == std::string_view::npos) start = input.size();
  size_t end = input.find(kHeadEnd, std::max(start, impl_->searched));
  if (end == std::string_view::npos || end > impl_->limits_.header_bytes) {
    // The same head must be refused however it comes: an end that begins within the limit may still be incomplete.
    if (end != std::string_view::npos || input.size() >= impl_->limits_.header_bytes + kHeadEnd.size()) {
      impl_->SetFailure(BeastError::header_limit);
      return State::kError;
    }
    impl_->searched = input.size() < kHeadEnd.size() ? 0 : input.size() - kHeadEnd.size() + 1;
    return State::kNeedMore;
  }
  end += kHeadEnd.size();
  impl_->request = &request;
  impl_->head = input.substr(start, end - start);
  error_code code;
  impl_->put(boost::asio::const_buffer(impl_->head.data(), impl_->head.size()), code);
  if (code) {
    impl_->SetFailure(code);
    return State::kError;
  }
  if (!impl_->is_header_done()) {
    impl_->failure = {400, "the request's head is malformed"};
    return State::kError;
  }
  if (!impl_->HasOneHost()) {
    impl_->failure = {400, "a request needs exactly one Host header"};
    return State::kError;
  }
  impl_->request = nullptr;
  impl_->eager(true);
  *consumed = end;
  return State::kHeadDone;
}

bool RequestParser::chunked() const { return impl_->chunked(); }

size_t RequestParser::content_length() const {
  auto length = impl_->content_length();
  return length ? static_cast<size_t>(*length) : 0;
}

bool RequestParser::keep_alive() const { return impl_->keep_alive(); }

RequestParser::State RequestParser::ReadChunks(std::string_view input, size_t* consumed) {
  *consumed = 0;
  // Whatever comes, it ends with "0\r\n\r\n", so nothing is lost by waiting for as much; and Beast asserts that it does
  // not look at the last chunk in smaller pieces.
  constexpr size_t kLastChunkBytes = 5;
  while (!impl_->is_done()) {
    if (input.size() - *consumed < kLastChunkBytes) return State::kNeedMore;
    error_code code;
    size_t used = impl_->put(boost::asio::const_buffer(input.data() + *consumed, input.size() - *consumed), code);
    *consumed += used;
    if (code == BeastError::need_more) return State::kNeedMore;
    if (code) {
      impl_->SetFailure(code);
      return State::kError;
    }
  }
  return State::kDone;
}

size_t RequestParser::body_size() const { return impl_->body_size; }

Buffer RequestParser::TakeBody() {
  Buffer body = std::move(impl_->body);
  if (impl_->body_size == 0) return Buffer::Allocate(0);
  body.Truncate(impl_->body_size);
  return body;
}

const ParseError& RequestParser::error() const { return impl_->failure; }

}  // namespace triune::server::http
