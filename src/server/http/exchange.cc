#include "server/http/exchange.h"

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

void Exchange::Reply() {
  worker_.shared().handler->BeforeReply(*this);
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

void Exchange::ReleaseMemory() {
  response.headers.ShrinkTo(0);
  response.body.ShrinkTo(0);
  head_out_.ShrinkTo(0);
  head_ = std::string();
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
  content_length_ = 0;
  body_received_ = 0;
  keep_alive_ = true;
  in_handler_ = false;
  replied_in_handler_ = false;
  waiting_ = false;
  ++generation_;
}

}  // namespace triune::server::http
