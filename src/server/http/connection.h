// One client's connection: reads requests, has them handled one after another, writes the responses.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "server/http/event_loop.h"
#include "server/http/exchange.h"
#include "triune/buffer.h"

namespace triune::server::http {

class Worker;

/// Lives on one loop's thread. While it waits between requests it holds no buffer: bytes are read into the thread's
/// buffer, and what belongs to a request that is not complete moves into one of its own.
///
///   kHead --head read--> kBody | kChunks --body read--> kWaiting --Reply--> kWriting --all written--> kHead
///   kWriting --all written, to be closed--> kLingering (until the client has closed, or for two seconds)
///     any state --error, time-out, end of stream--> closed (kWaiting leaves the exchange to finish on its own)
class Connection final : public EventLoop::Handler {
 public:
  Connection(Worker& worker, int descriptor);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void OnEvents(uint32_t events) override;
  /// Closes the connection, or refuses the request being read, when its time is up.
  void CheckTime(TimePoint now);
  /// Goes on with what was read or can be read.
  void Pump();
  /// The exchange's response is complete.
  void OnReply(Exchange& exchange);
  /// The call's deadline passed before its answer came: answers 504 and leaves the call to itself.
  void OnDeadline(Exchange& exchange);
  /// Closes now if between requests, else after the response.
  void CloseWhenIdle();
  void Close();

 private:
  enum class State : uint8_t { kHead, kBody, kChunks, kWaiting, kWriting, kLingering, kClosed };

  bool Reading() const { return state_ == State::kHead || state_ == State::kBody || state_ == State::kChunks; }
  void ReadMore();
  /// recv; handles the end of the stream and errors. Returns the number of bytes, 0 when there are none now.
  size_t Receive(char* into, size_t most);
  void ReadIntoBody();
  void ReadIntoScratch();
  void Discard();
  /// Handles all complete requests in `input`; what is left over goes to pending_.
  void Process(std::string_view input);
  // Each uses up some of the input, says how much, and returns whether it makes sense to go on with the rest.
  bool ReadHead(std::string_view input, size_t* used);
  bool BeginBody(std::string_view rest, size_t* used);
  bool ReadChunks(std::string_view input, size_t* used);
  bool GrowBody();
  void Dispatch();
  void Refuse(int http_status, std::string_view message);
  void StartWriting();
  void WriteHead(const Exchange& exchange, TextBuffer& out);
  void WriteMore();
  void FinishResponse();
  bool ReserveBuffered(size_t bytes);
  void ReleaseBuffered();

  Worker& worker_;
  int descriptor_;
  State state_ = State::kHead;
  bool may_read_ = true;      ///< The socket may hold bytes that were not read.
  bool hangup_seen_ = false;  ///< An end of the stream may follow what is there: read until it shows.
  bool peer_closed_ = false;  ///< The client sends no more.
  bool close_after_ = false;  ///< Close when the response is written.
  bool pumping_ = false;
  bool pending_is_new_ = false;  ///< pending_ was not looked at since it was set.
  bool pump_queued_ = false;     ///< In the worker's list of those to be pumped.
  TimePoint deadline_;           ///< Of the present state.
  Exchange* exchange_ = nullptr;
  Buffer pending_;  ///< Bytes read but not used: the beginning of a request, or pipelined ones.
  size_t reserved_bytes_ = 0;
  std::vector<iovec> out_;  ///< What is to be written; from out_next_ on is left.
  size_t out_next_ = 0;

  friend class Worker;
  size_t index_ = 0;  ///< In the worker's list.
};

}  // namespace triune::server::http
