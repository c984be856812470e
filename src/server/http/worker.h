// One loop thread of the HTTP server with its listening socket, connections and pools.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/deadline_heap.h"
#include "server/http/connection.h"
#include "server/http/event_loop.h"
#include "server/http/exchange.h"
#include "server/http/limits.h"
#include "telemetry/metrics.h"
#include "triune/buffer.h"

namespace triune::server::http {

/// What the workers of one server share.
struct Shared {
  Limits limits;
  Handler* handler = nullptr;
  std::atomic<size_t> connections{0};
  std::atomic<size_t> buffered_bytes{0};
  std::atomic<bool> draining{false};
  telemetry::Counter accepted;
  telemetry::Counter rejected;   ///< Over the limit of connections.
  telemetry::Counter refused;    ///< Malformed, too large or too slow requests, answered before any handler.
  telemetry::Counter timed_out;  ///< Connections closed for idling, or for not taking their response.
};

/// All methods but Stop, StopListening, BeginDrain and in_flight belong to the thread that runs it.
class Worker final : public EventLoop::Handler {
 public:
  /// `busy_poll`: the window of BusyPoll.
  Worker(Shared& shared, Duration busy_poll) : shared_(shared), loop_(busy_poll) {}
  ~Worker() override;

  /// Listens on address:port with SO_REUSEPORT; port 0 takes a free one. Returns the port. `claim_port`: fails when
  /// anybody listens there already.
  Result<int> Listen(const std::string& address, int port, bool claim_port);
  void Run();
  /// Any thread, once: idle connections are closed, others after their response.
  void BeginDrain();
  /// Any thread, once.
  void StopListening();
  /// Any thread: closes everything and makes Run return.
  void Stop();

  EventLoop& loop() { return loop_; }
  Shared& shared() { return shared_; }
  TimePoint now() const { return loop_.now(); }
  /// Requests that are being handled or written.
  size_t in_flight() const { return in_flight_.load(std::memory_order_acquire); }
  /// Requests of which some bytes have come.
  size_t receiving() const { return receiving_.load(std::memory_order_acquire); }
  /// Responses by HTTP status. Any thread.
  uint64_t responses(int status) const {
    return responses_[static_cast<size_t>(status)].load(std::memory_order_relaxed);
  }

  // For connections.
  Exchange* TakeExchange();
  void GiveBack(Exchange& exchange);
  void Forget(Connection& connection);
  void WatchDeadline(Exchange& exchange);
  /// A request begins to arrive; the exchange counts as one being read until CountIn, or until it is given back.
  void CountReceiving(Exchange& exchange);
  void CountIn(Exchange& exchange);
  void CountResponse(int status);
  /// Pumps the connection in the next round, so that one that never stops sending does not hold up the others.
  void PumpLater(Connection& connection);
  /// The thread's read buffer: room for the largest head and more.
  Buffer& scratch() { return scratch_; }
  /// "Date: ...\r\n" of the present second.
  std::string_view DateHeader();

 private:
  /// Calls a method on the loop's thread.
  struct Call final : EventLoop::Task {
    Call(Worker& w, void (Worker::*m)()) : worker(w), method(m) {}
    void RunOnLoop() override { (worker.*method)(); }
    Worker& worker;
    void (Worker::*method)();
  };

  void OnEvents(uint32_t events) override;  // of the listening socket
  void StopReceiving(Exchange& exchange);
  void Accept();
  void CloseIdle();
  void CloseListener();
  TimePoint AfterRound(TimePoint now);

  Shared& shared_;
  EventLoop loop_;
  Call close_idle_{*this, &Worker::CloseIdle};
  Call close_listener_{*this, &Worker::CloseListener};
  int listener_ = -1;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<std::unique_ptr<Connection>> closed_;  ///< Destroyed after the round: events of theirs may be pending.
  std::vector<std::unique_ptr<Exchange>> all_exchanges_;
  std::vector<Exchange*> free_exchanges_;
  std::vector<Connection*> pump_later_;
  std::vector<Connection*> pumping_now_;
  DeadlineHeap<Exchange> deadlines_;
  TimePoint next_sweep_{};
  TimePoint accept_again_ = kNever;  ///< After running out of descriptors.
  std::atomic<size_t> receiving_{0};
  std::atomic<size_t> in_flight_{0};
  std::array<std::atomic<uint64_t>, 600> responses_{};  ///< Written by this thread only.
  Buffer scratch_;
  std::string date_;
  int64_t date_second_ = 0;
};

}  // namespace triune::server::http
