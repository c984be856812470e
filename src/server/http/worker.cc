#include "server/http/worker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "base/strings.h"
#include "telemetry/log.h"

namespace triune::server::http {
namespace {

/// How often connections are looked at for time-outs.
constexpr Duration kSweepEvery = std::chrono::milliseconds(100);
constexpr int kAcceptsPerRound = 64;
constexpr int kBacklog = 4096;
/// Of the exchanges that are not in use, so many keep the memory that they grew; a burst of requests leaves no more.
constexpr size_t kKeptExchanges = 256;
/// And of these, the last few used may keep more, for clients that send and get large bodies one after another.
constexpr size_t kRichExchanges = 8;
constexpr size_t kMostKeptBytes = 64U << 10U;
constexpr size_t kMostKeptBytesOfRich = 4U << 20U;
constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 71\r\nRetry-After: 1\r\n"
    "Connection: close\r\n\r\n{\"error\":\"too many connections: the limit is set by --max-connections\"}";
static_assert(kFull.size() - kFull.find('{') == 71);

union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

}  // namespace

Worker::~Worker() {
  if (listener_ >= 0) close(listener_);
}

Result<int> Worker::Listen(const std::string& address, int port, bool claim_port) {
  TRIUNE_RETURN_IF_ERROR(loop_.Open());
  scratch_ = Buffer::Allocate(shared_.limits.header_bytes + (64U << 10U));
  SocketAddress where{};
  socklen_t size;
  if (inet_pton(AF_INET, address.c_str(), &where.v4.sin_addr) == 1) {
    where.v4.sin_family = AF_INET;
    where.v4.sin_port = htons(static_cast<uint16_t>(port));
    size = sizeof(where.v4);
  } else if (inet_pton(AF_INET6, address.c_str(), &where.v6.sin6_addr) == 1) {
    where.v6.sin6_family = AF_INET6;
    where.v6.sin6_port = htons(static_cast<uint16_t>(port));
    size = sizeof(where.v6);
  } else {
    return InvalidArgument(StrCat("--address is not an IPv4 or IPv6 address: got '", address, "'"));
  }
  auto failed = [&](std::string_view what) {
    return Unavailable(StrCat("cannot listen on ", address, " port ", port, ": ", what, ": ", std::strerror(errno)));
  };
  int on = 1;
  if (claim_port) {
    // SO_REUSEPORT would let another server of the same user share the port unnoticed; a plain socket can't.
    int claim = socket(where.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(claim, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    bool is_free = bind(claim, &where.any, size) == 0;
    if (claim >= 0) close(claim);
    if (!is_free) return failed("bind");
  }
  listener_ = socket(where.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener_ < 0) return failed("socket");
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  setsockopt(listener_, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  if (bind(listener_, &where.any, size) != 0) return failed("bind");
  if (listen(listener_, kBacklog) != 0) return failed("listen");
  if (getsockname(listener_, &where.any, &size) != 0) return failed("getsockname");
  TRIUNE_RETURN_IF_ERROR(loop_.Add(listener_, EPOLLIN, *this));
  return ntohs(where.any.sa_family == AF_INET ? where.v4.sin_port : where.v6.sin6_port);
}

void Worker::Run() {
  loop_.Run([this](TimePoint now) { return AfterRound(now); });
  for (auto& connection : connections_) connection->state_ = Connection::State::kClosed;
  connections_.clear();
}

void Worker::BeginDrain() { loop_.Post(close_idle_); }

void Worker::StopListening() { loop_.Post(close_listener_); }

void Worker::Stop() { loop_.Stop(); }

void Worker::OnEvents(uint32_t) { Accept(); }

void Worker::Accept() {
  for (int i = 0; i < kAcceptsPerRound; ++i) {
    int descriptor = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        telemetry::LogWarning("cannot accept a connection", {telemetry::LogField("error", std::strerror(errno))});
        loop_.Remove(listener_);
        accept_again_ = now() + kSweepEvery;
      }
      return;
    }
    if (shared_.connections.fetch_add(1, std::memory_order_relaxed) >= shared_.limits.connections) {
      shared_.connections.fetch_sub(1, std::memory_order_relaxed);
      shared_.rejected.Add();
      [[maybe_unused]] ssize_t sent = send(descriptor, kFull.data(), kFull.size(), MSG_NOSIGNAL);
      close(descriptor);
      continue;
    }
    int on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    auto connection = std::make_unique<Connection>(*this, descriptor);
    connection->index_ = connections_.size();
    Status added = loop_.Add(descriptor, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, *connection);
    if (!added.ok()) {
      shared_.connections.fetch_sub(1, std::memory_order_relaxed);
      continue;
    }
    shared_.accepted.Add();
    connections_.push_back(std::move(connection));
    // Room for all of them, so that no request allocates: the two are swapped.
    pump_later_.reserve(connections_.capacity());
    pumping_now_.reserve(connections_.capacity());
  }
}

void Worker::Forget(Connection& connection) {
  size_t index = connection.index_;
  closed_.push_back(std::move(connections_[index]));
  if (index + 1 != connections_.size()) {
    connections_[index] = std::move(connections_.back());
    connections_[index]->index_ = index;
  }
  connections_.pop_back();
  shared_.connections.fetch_sub(1, std::memory_order_relaxed);
}

void Worker::CloseListener() {
  if (listener_ < 0) return;
  Accept();  // connections that the kernel has accepted for us already are served
  loop_.Remove(listener_);
  close(listener_);
  listener_ = -1;
  accept_again_ = kNever;
}

void Worker::CloseIdle() {
  for (size_t i = connections_.size(); i-- > 0;) {
    if (i < connections_.size()) connections_[i]->CloseWhenIdle();
  }
}

TimePoint Worker::AfterRound(TimePoint now) {
  deadlines_.RunDue(now, [](Exchange& exchange) { exchange.connection_->OnDeadline(exchange); });
  if (now >= next_sweep_) {
    next_sweep_ = now + kSweepEvery;
    for (size_t i = connections_.size(); i-- > 0;) {
      if (i < connections_.size()) connections_[i]->CheckTime(now);
    }
  }
  if (now >= accept_again_) {
    accept_again_ = kNever;
    if (!loop_.Add(listener_, EPOLLIN, *this).ok()) accept_again_ = now + kSweepEvery;
  }
  std::swap(pump_later_, pumping_now_);
  for (Connection* connection : pumping_now_) {
    connection->pump_queued_ = false;
    connection->Pump();
  }
  pumping_now_.clear();
  closed_.clear();
  if (!pump_later_.empty()) return now;
  return std::min(deadlines_.next(), connections_.empty() ? accept_again_ : next_sweep_);
}

void Worker::WatchDeadline(Exchange& exchange) { deadlines_.Add(exchange.deadline, exchange, exchange.generation_); }

Exchange* Worker::TakeExchange() {
  if (free_exchanges_.empty()) {
    Exchange& exchange = *all_exchanges_.emplace_back(std::make_unique<Exchange>(*this));
    free_exchanges_.reserve(all_exchanges_.capacity());
    exchange.state = shared_.handler->MakeState(exchange);
    return &exchange;
  }
  Exchange* exchange = free_exchanges_.back();
  free_exchanges_.pop_back();
  return exchange;
}

void Worker::PumpLater(Connection& connection) {
  // Never twice: the second time the connection might be gone.
  if (connection.pump_queued_) return;
  connection.pump_queued_ = true;
  pump_later_.push_back(&connection);
}

void Worker::CountReceiving(Exchange& exchange) {
  exchange.receiving_ = true;
  receiving_.fetch_add(1, std::memory_order_acq_rel);
}

void Worker::CountResponse(int status) {
  auto& count = responses_[static_cast<size_t>(std::clamp(status, 0, 599))];
  count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void Worker::CountIn(Exchange& exchange) {
  if (exchange.counted_) return;
  exchange.counted_ = true;
  in_flight_.fetch_add(1, std::memory_order_acq_rel);
  StopReceiving(exchange);
}

void Worker::StopReceiving(Exchange& exchange) {
  if (!exchange.receiving_) return;
  exchange.receiving_ = false;
  receiving_.fetch_sub(1, std::memory_order_acq_rel);
}

void Worker::GiveBack(Exchange& exchange) {
  exchange.Clear();
  if (exchange.counted_) {
    exchange.counted_ = false;
    in_flight_.fetch_sub(1, std::memory_order_acq_rel);
  }
  StopReceiving(exchange);
  size_t free = free_exchanges_.size();
  exchange.ReleaseMemory(free < kRichExchanges ? kMostKeptBytesOfRich : free < kKeptExchanges ? kMostKeptBytes : 0);
  free_exchanges_.push_back(&exchange);
}

std::string_view Worker::DateHeader() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec != date_second_) {
    date_second_ = now.tv_sec;
    tm utc{};
    gmtime_r(&now.tv_sec, &utc);
    std::array<char, 64> text;
    // Names of days and months as the standard has them, whatever the locale.
    static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int length =
        std::snprintf(text.data(), text.size(), "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", kDays[utc.tm_wday],
                      utc.tm_mday, kMonths[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
    date_.assign(text.data(), static_cast<size_t>(length));
  }
  return date_;
}

}  // namespace triune::server::http
