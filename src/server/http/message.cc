#include "server/http/message.h"

#include <algorithm>

#include "base/json_text.h"
#include "server/http/http_status.h"

namespace triune::server::http {

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  for (size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

std::string_view Request::Find(std::string_view name) const {
  for (const Header& header : headers) {
    if (EqualsIgnoreCase(header.name, name)) return header.value;
  }
  return {};
}

bool Request::Has(std::string_view name) const {
  return std::ranges::any_of(headers, [&](const Header& header) { return EqualsIgnoreCase(header.name, name); });
}

void Request::Clear() {
  method = Method::kOther;
  target = path = {};
  is_http_1_0 = false;
  headers.clear();
  body = {};
  body_buffer.Reset();
}

size_t Response::BodySize() const {
  size_t size = body.size();
  for (const Buffer& buffer : tail) size += buffer.size();
  return size;
}

void Response::AddHeader(std::string_view name, std::string_view value) {
  headers.Append(name);
  headers.Append(": ");
  headers.Append(value);
  headers.Append("\r\n");
}

void Response::SetError(const Status& error) {
  SetError(HttpStatusOf(error.code()), error.message());
  if (error.code() == StatusCode::kResourceExhausted) AddHeader("Retry-After", "1");
}

void Response::SetError(int http_status, std::string_view message) {
  status = http_status;
  content_type = "application/json";
  tail.clear();
  body.Clear();
  body.Append("{\"error\":");
  AppendJsonString(body, message);
  body.Append('}');
}

void Response::Clear() {
  status = 200;
  content_type = "application/json";
  headers.Clear();
  body.Clear();
  tail.clear();
  close = false;
  constexpr size_t kKeptBytes = 8U << 20U;
  body.ShrinkTo(kKeptBytes);
}

}  // namespace triune::server::http
