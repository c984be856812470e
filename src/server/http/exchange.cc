#include "server/http/exchange.h"

#include <algorithm>
#include <cstring>

#include "server/http/connection.h"
#include "server/http/worker.h"

namespace triune::server::http {

void Exchange::KeepBody() {
  if (request.body.empty() || !request.body_buffer.empty()) return;
  request.body_buffer = Buffer::CopyOf(request.body);
  request.body = request.body_buffer.bytes();
}

bool Exchange::OnLoopThread() const { return worker_.loop().IsCurrent(); }

void Exchange::BringDeadlineForward(TimePoint when) {
  if (OnLoopThread()) {
    // Inside Handle: the loop looks at the deadline when that returns.
    deadline = std::min(deadline, when);
    return;
  }
  if (when == kNever) return;
  // Posted before the reply, which comes after what is being done now, so the exchange is still this request's then.
  new_deadline_.when = when;
  worker_.loop().Post(new_deadline_);
}

void Exchange::NewDeadline::RunOnLoop() {
  if (when >= exchange.deadline) return;
  exchange.deadline = when;
  exchange.worker_.WatchDeadline(exchange);
}

void Exchange::Reply() {
  if (worker_.shared().handler->BeforeReply(*this)) Send();
}

void Exchange::Send() {
  if (!OnLoopThread()) {
    worker_.loop().Post(*this);
  } else if (in_handler_) {
    replied_in_handler_ = true;
  } else {
    RunOnLoop();
  }
}

void Exchange::RunOnLoop() {
  waiting_ = false;
  if (connection_ != nullptr) {
    connection_->OnReply(*this);
  } else {
    worker_.GiveBack(*this);
  }
}

bool Exchange::ReserveBuffered(size_t bytes) {
  Shared& shared = worker_.shared();
  reserved_bytes_ += bytes;
  return shared.buffered_bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes <= shared.limits.buffered_bytes;
}

void Exchange::ReleaseMemory(size_t most) {
  response.headers.ShrinkTo(most);
  response.body.ShrinkTo(most);
  head_out_.ShrinkTo(most);
  if (head_.capacity() > most) head_ = std::string();
}

void Exchange::Clear() {
  if (state != nullptr) state->Reset();
  request.Clear();
  response.Clear();
  deadline = kNever;
  request_id.clear();
  traceparent.clear();
  accepts_gzip = false;
  connection_ = nullptr;
  if (reserved_bytes_ > 0) worker_.shared().buffered_bytes.fetch_sub(reserved_bytes_, std::memory_order_relaxed);
  reserved_bytes_ = 0;
  content_length_ = 0;
  body_received_ = 0;
  keep_alive_ = true;
  in_handler_ = false;
  replied_in_handler_ = false;
  waiting_ = false;
  ++generation_;
}

}  // namespace triune::server::http
