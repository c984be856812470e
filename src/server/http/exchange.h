// One request and its response, from the first byte read to the last byte written.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/clock.h"
#include "server/http/event_loop.h"
#include "server/http/message.h"
#include "server/http/request_parser.h"

namespace triune::server::http {

class Connection;
class Exchange;
class Worker;

/// What a handler keeps with an exchange; reused with it.
class ExchangeState {
 public:
  virtual ~ExchangeState() = default;
  /// On the loop's thread: the exchange is done with, and will be used for another request.
  virtual void Reset() = 0;
  /// On the loop's thread: nobody waits for the answer any more (the client went away, or the deadline passed and was
  /// answered). Reply must be called all the same.
  virtual void Abandon(StatusCode why) = 0;
};

/// Answers requests. Thread-safe: each loop thread calls it.
class Handler {
 public:
  virtual ~Handler() = default;
  /// On the loop's thread, once for every exchange: its state, or null when the handler needs none. It is there before
  /// any thread handles the exchange, since it may be abandoned at any time from then on.
  virtual std::unique_ptr<ExchangeState> MakeState(Exchange&) { return nullptr; }
  /// On the loop's thread, which must not be blocked. Leads to exactly one exchange.Reply(), now or later, on any
  /// thread.
  virtual void Handle(Exchange& exchange) = 0;
  /// On the thread that replies, when the response is complete and not sent yet. False: it will be complete later, and
  /// exchange.Send() be called then.
  virtual bool BeforeReply(Exchange&) { return true; }
};

/// Pooled by the worker. The handler owns request, response and state between Handle and Reply; the rest is the
/// connection's.
class Exchange final : public EventLoop::Task {
 public:
  explicit Exchange(Worker& worker) : worker_(worker) {}

  Request request;
  Response response;
  std::unique_ptr<ExchangeState> state;  ///< Made with the exchange.

  /// When the request has been read.
  TimePoint received{};
  /// The call must be answered by then. Set by middlewares; afterwards see BringDeadlineForward.
  TimePoint deadline = kNever;
  /// Owned copies of what is needed after Handle.
  std::string request_id;
  std::string traceparent;
  bool accepts_gzip = false;

  /// Reserves memory for a body that is being unpacked, within Limits::buffered_bytes, until the exchange is done with.
  /// False when there is not so much left. On the thread that handles it.
  bool ReserveBuffered(size_t bytes);
  /// Gives the body memory of its own, if it has none, so that it outlives Handle.
  void KeepBody();
  /// The call must be answered by `when`, if that is sooner than its deadline. On the thread that handles it.
  void BringDeadlineForward(TimePoint when);
  /// The response is complete. Any thread; the exchange may be gone when it returns.
  void Reply();
  /// For handlers whose BeforeReply took the reply over.
  void Send();
  bool OnLoopThread() const;
  Worker& worker() { return worker_; }

  void RunOnLoop() override;
  /// For DeadlineHeap.
  bool Awaits(uint64_t generation) const { return generation_ == generation && waiting_ && connection_ != nullptr; }

 private:
  friend class Connection;
  friend class Worker;
  /// Takes an earlier deadline to the loop's thread.
  struct NewDeadline final : EventLoop::Task {
    explicit NewDeadline(Exchange& e) : exchange(e) {}
    void RunOnLoop() override;
    Exchange& exchange;
    TimePoint when{};
  };
  void Clear();
  /// Gives memory back that was grown beyond `most` bytes a buffer.
  void ReleaseMemory(size_t most);

  Worker& worker_;
  Connection* connection_ = nullptr;  ///< Null: abandoned. Loop thread only.
  NewDeadline new_deadline_{*this};
  RequestParser parser_;
  std::string head_;     ///< The memory of the request's fields.
  TextBuffer head_out_;  ///< The response's status line and headers.
  size_t reserved_bytes_ = 0;
  size_t content_length_ = 0;
  size_t body_received_ = 0;  ///< So many bytes of request.body_buffer are filled.
  bool keep_alive_ = true;
  bool receiving_ = false;   ///< In the worker's number of requests being read.
  bool counted_ = false;     ///< In the worker's number of requests in flight.
  bool in_handler_ = false;  ///< Inside Handle: Reply only notes that it was called.
  bool replied_in_handler_ = false;
  bool waiting_ = false;     ///< Handle was called, the reply has not reached the loop.
  uint64_t generation_ = 0;  ///< Which use of this object: tells a late deadline entry from a new call.
};

}  // namespace triune::server::http
