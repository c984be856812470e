#include "server/http/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "server/http/testing/http_client.h"

namespace triune::server::http {
namespace {

using testing::ClientResponse;
using ::testing::HasSubstr;
using testing::HttpClient;
using ::testing::Not;

std::string Post(std::string_view path, std::string_view body, std::string_view headers = "") {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + std::string(headers) + "\r\n" + std::string(body);
}
std::string Get(std::string_view path, std::string_view headers = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n" + std::string(headers) + "\r\n";
}

/// Answers with the body it got. What comes to /later waits for the test to have it answered, on the test's thread.
class EchoHandler final : public Handler {
 public:
  class State final : public ExchangeState {
   public:
    explicit State(EchoHandler& handler) : handler_(handler) {}
    void Reset() override { handler_.Count(&Counts::reset); }
    void Abandon(StatusCode why) override {
      handler_.Count(why == StatusCode::kDeadlineExceeded ? &Counts::late : &Counts::gone);
    }

   private:
    EchoHandler& handler_;
  };
  struct Counts {
    int handled = 0;
    int reset = 0;
    int gone = 0;  ///< Abandoned because the client went away.
    int late = 0;  ///< Abandoned because the deadline passed.
  };

  std::unique_ptr<ExchangeState> MakeState(Exchange&) override { return std::make_unique<State>(*this); }

  void Handle(Exchange& exchange) override {
    Count(&Counts::handled);
    if (exchange.request.path == "/deadline") {
      exchange.deadline = exchange.received;  // has passed already
    } else if (exchange.request.path != "/later") {
      Answer(exchange);
      return exchange.Reply();
    }
    exchange.KeepBody();
    std::lock_guard lock(mutex_);
    waiting_.push_back(&exchange);
    changed_.notify_all();
  }

  /// Waits for `count` requests to /later and takes them out of the handler's hands.
  std::vector<Exchange*> Take(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_.size() >= count; });
    std::vector<Exchange*> taken(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(count));
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(count));
    return taken;
  }
  static void ReplyTo(Exchange& exchange) {
    Answer(exchange);
    exchange.Reply();
  }

  void Count(int Counts::*counter) {
    std::lock_guard lock(mutex_);
    ++(counts_.*counter);
    changed_.notify_all();
  }
  void WaitFor(const std::function<bool(const Counts&)>& reached) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return reached(counts_); });
  }

 private:
  static void Answer(Exchange& exchange) {
    const Request& request = exchange.request;
    if (request.path == "/tail") {
      exchange.response.tail.push_back(Buffer::CopyOf(request.body));
    } else {
      exchange.response.body.Append({reinterpret_cast<const char*>(request.body.data()), request.body.size()});
    }
    if (request.path == "/close") exchange.response.close = true;
    if (request.path == "/empty") exchange.response.status = 204;
    if (request.path == "/big") exchange.response.body.Append(std::string(8'000'000, 'b'));
    exchange.response.AddHeader("X-Path", request.path);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Exchange*> waiting_;
  Counts counts_;
};

class HttpServerTest : public ::testing::Test {
 protected:
  /// Starts the server with these limits.
  void Start(const Limits& limits = {}, int threads = 1) {
    server_.emplace(HttpServer::Options{.address = "127.0.0.1", .port = 0, .threads = threads, .limits = limits},
                    handler_);
    Status started = server_->Start();
    ASSERT_TRUE(started.ok()) << started.ToString();
  }
  HttpClient Connect() { return HttpClient(server_->port()); }
  void WaitUntilNothingIsInFlight() {
    while (server_->InFlight() > 0) std::this_thread::yield();
  }
  /// For what the server counts after the client has its answer.
  void WaitForMetric(const std::string& name, double value) {
    while (Metric(name) != value) std::this_thread::yield();
  }
  double Metric(const std::string& name) {
    std::vector<telemetry::Family> families;
    server_->Collect(families);
    for (const auto& family : families) {
      if (family.name == name) return family.samples[0].value;
    }
    ADD_FAILURE() << "no metric " << name;
    return -1;
  }

  EchoHandler handler_;
  std::optional<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersAndKeepsTheConnection) {
  Start();
  HttpClient client = Connect();
  for (int i = 0; i < 3; ++i) {
    ClientResponse response = client.Exchange(Post("/echo", "hello"));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "hello");
    EXPECT_THAT(response.head, HasSubstr("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(response.head, HasSubstr("\r\nDate: "));
    EXPECT_THAT(response.head, HasSubstr(" GMT\r\n"));
    EXPECT_THAT(response.head, HasSubstr("Content-Type: application/json\r\n"));
    EXPECT_THAT(response.head, HasSubstr("X-Path: /echo\r\n"));
    EXPECT_THAT(response.head, Not(HasSubstr("Connection:")));
  }
  EXPECT_EQ(Metric("triune_http_connections_accepted_total"), 1);
  EXPECT_EQ(Metric("triune_http_connections"), 1);
}

TEST_F(HttpServerTest, ClosesWhenAskedTo) {
  Start();
  for (const std::string& request : {Post("/echo", "x", "Connection: close\r\n"), Post("/close", "x"),
                                     std::string("POST /echo HTTP/1.0\r\nContent-Length: 1\r\n\r\nx")}) {
    HttpClient client = Connect();
    ClientResponse response = client.Exchange(request);
    EXPECT_EQ(response.status, 200) << request;
    EXPECT_EQ(response.body, "x");
    EXPECT_THAT(response.head, HasSubstr("Connection: close\r\n"));
    EXPECT_TRUE(client.IsClosedByServer()) << request;
  }
  HttpClient old = Connect();
  ClientResponse kept = old.Exchange("POST /echo HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx");
  EXPECT_THAT(kept.head, HasSubstr("Connection: keep-alive\r\n"));
  EXPECT_EQ(old.Exchange(Post("/echo", "y")).body, "y");
}

TEST_F(HttpServerTest, AnswersHeadWithoutABody) {
  Start();
  HttpClient client = Connect();
  ASSERT_TRUE(client.Send("HEAD /big HTTP/1.1\r\nHost: h\r\n\r\n"));
  ClientResponse response = client.Receive(/*has_body=*/false);
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.head, HasSubstr("Content-Length: 8000000\r\n"));
  EXPECT_EQ(client.Exchange(Post("/echo", "next")).body, "next");
}

TEST_F(HttpServerTest, An204HasNoBody) {
  Start();
  HttpClient client = Connect();
  ClientResponse response = client.Exchange(Post("/empty", "dropped"));
  EXPECT_EQ(response.status, 204);
  EXPECT_THAT(response.head, Not(HasSubstr("Content-Length")));
  EXPECT_EQ(client.Exchange(Post("/echo", "next")).body, "next");
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  Start();
  HttpClient client = Connect();
  std::string all;
  for (int i = 0; i < 500; ++i) all += Post("/echo", "body " + std::to_string(i));
  ASSERT_TRUE(client.Send(all));
  for (int i = 0; i < 500; ++i) ASSERT_EQ(client.Receive().body, "body " + std::to_string(i));
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrderAlsoWhenSomeWait) {
  Start();
  HttpClient client = Connect();
  ASSERT_TRUE(client.Send(Post("/later", "1") + Post("/echo", "2") + Post("/later", "3") + Post("/echo", "4")));
  EchoHandler::ReplyTo(*handler_.Take(1)[0]);
  EXPECT_EQ(client.Receive().body, "1");
  EXPECT_EQ(client.Receive().body, "2");
  EchoHandler::ReplyTo(*handler_.Take(1)[0]);
  EXPECT_EQ(client.Receive().body, "3");
  EXPECT_EQ(client.Receive().body, "4");
}

TEST_F(HttpServerTest, RequestsMayComeByteByByte) {
  Start();
  HttpClient client = Connect();
  for (char c : Post("/echo", "slow")) ASSERT_TRUE(client.Send({&c, 1}));
  EXPECT_EQ(client.Receive().body, "slow");
}

TEST_F(HttpServerTest, ReadsBodiesOfEverySize) {
  // Around the sizes of the read buffer, of the memory given at once, and of what is sent in one piece.
  Start({.header_bytes = 4096});
  HttpClient client = Connect();
  for (size_t size : {size_t{0}, size_t{1}, size_t{16 << 10}, size_t{16385}, size_t{65000}, size_t{69632},
                      size_t{200'000}, size_t{5'000'000}}) {
    std::string body(size, '\0');
    for (size_t i = 0; i < size; ++i) body[i] = static_cast<char>(i * 31 >> 3);
    for (const char* path : {"/echo", "/tail"}) {
      // Both at once, since neither side may hold the whole body.
      std::jthread sender([&] { EXPECT_TRUE(client.Send(Post(path, body))); });
      ClientResponse response = client.Receive();
      EXPECT_EQ(response.status, 200);
      EXPECT_TRUE(response.body == body) << size;
    }
  }
  WaitForMetric("triune_http_buffered_bytes", 0);
}

TEST_F(HttpServerTest, ABodyIsAlignedForTheTensorsBehindItsHeader) {
  struct AlignmentHandler final : Handler {
    void Handle(Exchange& exchange) override {
      auto at = reinterpret_cast<uintptr_t>(exchange.request.body.data()) + 37;
      exchange.response.body.AppendNumber(at % Buffer::kAlignment);
      exchange.Reply();
    }
  } handler;
  HttpServer server({.address = "127.0.0.1", .port = 0, .limits = {.header_bytes = 4096}}, handler);
  ASSERT_TRUE(server.Start().ok());
  HttpClient client(server.port());
  EXPECT_EQ(client.Exchange(Post("/", std::string(300'000, 'x'), "Inference-Header-Content-Length: 37\r\n")).body, "0");
}

TEST_F(HttpServerTest, ReadsChunkedBodies) {
  Start();
  HttpClient client = Connect();
  std::string head = "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string chunks = "5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n";
  EXPECT_EQ(client.Exchange(head + chunks).body, "hello, world");
  for (char c : head + chunks) ASSERT_TRUE(client.Send({&c, 1}));
  EXPECT_EQ(client.Receive().body, "hello, world");
  EXPECT_EQ(client.Exchange(head + chunks + head + "0\r\n\r\n").body, "hello, world");
  EXPECT_EQ(client.Receive().body, "");
  std::string part(100'000, 'c');
  std::string large = head;
  for (int i = 0; i < 10; ++i) large += "186a0\r\n" + part + "\r\n";
  std::jthread sender([&] { EXPECT_TRUE(client.Send(large + "0\r\n\r\n")); });
  EXPECT_EQ(client.Receive().body.size(), 1'000'000U);
  sender.join();
  EXPECT_EQ(client.Exchange(Post("/echo", "next")).body, "next");
  WaitForMetric("triune_http_buffered_bytes", 0);
}

TEST_F(HttpServerTest, SaysContinueToThoseWhoWait) {
  Start();
  HttpClient client = Connect();
  std::string head = "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
  ASSERT_TRUE(client.Send(head));
  EXPECT_EQ(client.Receive().status, 100);
  EXPECT_EQ(client.Exchange("body").body, "body");
  // The body is there already: nobody waits.
  EXPECT_EQ(client.Exchange(head + "more").status, 200);
  EXPECT_EQ(client.Exchange(Post("/echo", "x", "Expect: a-miracle\r\n")).status, 417);
  EXPECT_TRUE(client.IsClosedByServer());
}

TEST_F(HttpServerTest, RefusesWhatIsTooLarge) {
  Start({.header_bytes = 1024, .body_bytes = 1000});
  {
    HttpClient client = Connect();
    EXPECT_EQ(client.Exchange(Post("/echo", std::string(1000, 'x'))).status, 200);
    ClientResponse response = client.Exchange("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n");
    EXPECT_EQ(response.status, 413);
    EXPECT_THAT(response.body, HasSubstr("--max-body-bytes"));
    EXPECT_TRUE(client.IsClosedByServer());
  }
  {
    HttpClient client = Connect();
    EXPECT_EQ(client.Exchange("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n").status,
              413);
  }
  {
    HttpClient client = Connect();
    EXPECT_EQ(client.Exchange(Get("/echo", "A: " + std::string(1024, 'a') + "\r\n")).status, 431);
    EXPECT_TRUE(client.IsClosedByServer());
  }
  EXPECT_EQ(Metric("triune_http_requests_refused_total"), 3);
}

TEST_F(HttpServerTest, RefusesMalformedRequests) {
  Start();
  for (const char* request : {"nonsense\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
                              "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                              "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nnot a chunk\r\n"}) {
    HttpClient client = Connect();
    ClientResponse response = client.Exchange(request);
    EXPECT_EQ(response.status, 400) << request;
    EXPECT_THAT(response.body, HasSubstr("{\"error\":")) << request;
    EXPECT_THAT(response.head, HasSubstr("Connection: close\r\n"));
    EXPECT_TRUE(client.IsClosedByServer()) << request;
  }
  // What follows a refused request is never taken for another one.
  HttpClient client = Connect();
  EXPECT_EQ(client.Exchange("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n" + Get("/echo")).status, 400);
  EXPECT_TRUE(client.IsClosedByServer());
}

TEST_F(HttpServerTest, LimitsTheBytesOfAllBodies) {
  Start({.buffered_bytes = 1'000'000});
  HttpClient first = Connect();
  ASSERT_TRUE(first.Send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 900000\r\nExpect: 100-continue\r\n\r\n"));
  EXPECT_EQ(first.Receive().status, 100);
  ASSERT_TRUE(first.Send(std::string(100, 'x')));
  HttpClient second = Connect();
  ASSERT_TRUE(second.Send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 900000\r\n\r\n"));
  EXPECT_EQ(second.Receive().status, 503);
  ASSERT_TRUE(first.Send(std::string(900'000 - 100, 'x')));
  EXPECT_EQ(first.Receive().body.size(), 900'000U);
  WaitForMetric("triune_http_buffered_bytes", 0);
}

TEST_F(HttpServerTest, RepliesFromAnotherThread) {
  Start();
  HttpClient client = Connect();
  ASSERT_TRUE(client.Send(Post("/later", "kept")));
  Exchange* exchange = handler_.Take(1)[0];
  EXPECT_EQ(server_->InFlight(), 1U);
  EXPECT_FALSE(exchange->OnLoopThread());
  EchoHandler::ReplyTo(*exchange);
  EXPECT_EQ(client.Receive().body, "kept");
  WaitUntilNothingIsInFlight();
}

TEST_F(HttpServerTest, TheHandlerStillRepliesWhenTheClientIsGone) {
  Start();
  HttpClient client = Connect();
  ASSERT_TRUE(client.Send(Post("/later", "lost")));
  Exchange* exchange = handler_.Take(1)[0];
  client.Reset();
  handler_.WaitFor([](const auto& counts) { return counts.gone == 1; });
  WaitForMetric("triune_http_connections", 0);
  EXPECT_EQ(server_->InFlight(), 1U);
  EchoHandler::ReplyTo(*exchange);
  WaitUntilNothingIsInFlight();
  HttpClient next = Connect();
  EXPECT_EQ(next.Exchange(Post("/echo", "next")).body, "next");
}

TEST_F(HttpServerTest, AHalfClosedConnectionStillGetsItsAnswers) {
  Start();
  HttpClient client = Connect();
  ASSERT_TRUE(client.Send(Post("/later", "1") + Post("/echo", "2")));
  client.HalfClose();
  EchoHandler::ReplyTo(*handler_.Take(1)[0]);
  EXPECT_EQ(client.Receive().body, "1");
  EXPECT_EQ(client.Receive().body, "2");
  EXPECT_TRUE(client.IsClosedByServer());
}

TEST_F(HttpServerTest, AnswersWhenTheDeadlineHasPassed) {
  Start();
  HttpClient client = Connect();
  ClientResponse response = client.Exchange(Post("/deadline", "late"));
  EXPECT_EQ(response.status, 504);
  EXPECT_THAT(response.body, HasSubstr("deadline"));
  // The handler is still at it, and the connection goes on.
  EXPECT_EQ(client.Exchange(Post("/echo", "next")).body, "next");
  while (server_->InFlight() != 1) std::this_thread::yield();
  handler_.WaitFor([](const auto& counts) { return counts.late == 1; });
  EchoHandler::ReplyTo(*handler_.Take(1)[0]);
  WaitUntilNothingIsInFlight();
  EXPECT_EQ(client.Exchange(Post("/echo", "last")).body, "last");
}

TEST_F(HttpServerTest, AReplyInTimeForgetsTheDeadline) {
  struct DeadlineHandler final : Handler {
    void Handle(Exchange& exchange) override {
      exchange.deadline = exchange.received + std::chrono::hours(1);
      thread = std::jthread([&exchange] { exchange.Reply(); });
    }
    std::jthread thread;
  } handler;
  HttpServer server({.address = "127.0.0.1", .port = 0}, handler);
  ASSERT_TRUE(server.Start().ok());
  HttpClient client(server.port());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.Exchange(Get("/")).status, 200);
}

TEST_F(HttpServerTest, RefusesRequestsThatTakeTooLong) {
  Start({.read_timeout = std::chrono::milliseconds(1)});
  HttpClient head = Connect();
  ASSERT_TRUE(head.Send("POST /echo HT"));
  ClientResponse response = head.Receive();
  EXPECT_EQ(response.status, 408);
  EXPECT_THAT(response.body, HasSubstr("--read-timeout"));
  EXPECT_TRUE(head.IsClosedByServer());
  HttpClient body = Connect();
  ASSERT_TRUE(body.Send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf"));
  EXPECT_EQ(body.Receive().status, 408);
  HttpClient chunks = Connect();
  ASSERT_TRUE(chunks.Send("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"));
  EXPECT_EQ(chunks.Receive().status, 408);
}

TEST_F(HttpServerTest, ClosesIdleConnections) {
  Start({.idle_timeout = std::chrono::milliseconds(1)});
  HttpClient never_used = Connect();
  EXPECT_TRUE(never_used.IsClosedByServer());
  HttpClient used = Connect();
  // It may be closed before its first request came; never stay open after it.
  if (used.Send(Post("/echo", "x"))) used.Receive();
  EXPECT_TRUE(used.IsClosedByServer());
  EXPECT_GE(Metric("triune_http_connections_timed_out_total"), 1);
}

TEST_F(HttpServerTest, ClosesConnectionsThatDoNotTakeTheirResponse) {
  Start({.write_timeout = std::chrono::milliseconds(1)});
  HttpClient client = Connect();
  ASSERT_TRUE(client.Send(Get("/big")));
  WaitForMetric("triune_http_connections_timed_out_total", 1);
  EXPECT_EQ(client.Receive().status, 0);  // cut short
  WaitUntilNothingIsInFlight();
}

TEST_F(HttpServerTest, LimitsTheConnections) {
  Start({.connections = 2});
  HttpClient first = Connect();
  std::optional<HttpClient> second(std::in_place, server_->port());
  EXPECT_EQ(first.Exchange(Post("/echo", "1")).status, 200);
  EXPECT_EQ(second->Exchange(Post("/echo", "2")).status, 200);
  {
    HttpClient third = Connect();
    ClientResponse response = third.Receive();
    EXPECT_EQ(response.status, 503);
    EXPECT_THAT(response.head, HasSubstr("Retry-After: 1\r\n"));
    EXPECT_THAT(response.body, HasSubstr("--max-connections"));
    EXPECT_TRUE(third.IsClosedByServer());
  }
  EXPECT_EQ(Metric("triune_http_connections_rejected_total"), 1);
  second.reset();
  WaitForMetric("triune_http_connections", 1);
  HttpClient fourth = Connect();
  EXPECT_EQ(fourth.Exchange(Post("/echo", "4")).status, 200);
}

TEST_F(HttpServerTest, DrainsWithoutLosingARequest) {
  Start();
  HttpClient idle = Connect();
  EXPECT_EQ(idle.Exchange(Post("/echo", "x")).status, 200);
  HttpClient busy = Connect();
  ASSERT_TRUE(busy.Send(Post("/later", "in flight")));
  Exchange* exchange = handler_.Take(1)[0];
  server_->BeginDrain();
  EXPECT_TRUE(idle.IsClosedByServer());
  // New connections are still answered, and then closed.
  HttpClient fresh = Connect();
  ClientResponse response = fresh.Exchange(Post("/echo", "new"));
  EXPECT_EQ(response.body, "new");
  EXPECT_THAT(response.head, HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(fresh.IsClosedByServer());
  server_->StopListening();
  EchoHandler::ReplyTo(*exchange);
  response = busy.Receive();
  EXPECT_EQ(response.body, "in flight");
  EXPECT_THAT(response.head, HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(busy.IsClosedByServer());
  while (HttpClient(server_->port()).connected()) std::this_thread::yield();
  WaitUntilNothingIsInFlight();
  server_->Stop();
}

TEST_F(HttpServerTest, ManyClientsOnSeveralThreads) {
  Start({}, 3);
  std::vector<std::jthread> clients;
  for (int c = 0; c < 8; ++c) {
    clients.emplace_back([this, c] {
      HttpClient client(server_->port());
      for (int i = 0; i < 100; ++i) {
        std::string body = std::to_string(c) + "/" + std::to_string(i);
        ASSERT_EQ(client.Exchange(Post("/echo", body)).body, body);
      }
    });
  }
  std::jthread replier([this] {
    for (int i = 0; i < 100; ++i) EchoHandler::ReplyTo(*handler_.Take(1)[0]);
  });
  HttpClient client = Connect();
  for (int i = 0; i < 100; ++i) ASSERT_EQ(client.Exchange(Post("/later", "x")).body, "x");
  clients.clear();
  EXPECT_EQ(Metric("triune_http_requests_refused_total"), 0);
}

TEST_F(HttpServerTest, ExchangesAreUsedAgainOnlyWhenDone) {
  Start();
  HttpClient client = Connect();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client.Exchange(Post("/echo", "x")).status, 200);
  handler_.WaitFor([](const auto& counts) { return counts.reset >= 5; });
  handler_.WaitFor([](const auto& counts) { return counts.handled == 5; });
}

TEST_F(HttpServerTest, RefusesAddressesThatAreNone) {
  HttpServer server({.address = "not an address", .port = 0}, handler_);
  EXPECT_EQ(server.Start().code(), StatusCode::kInvalidArgument);
  Start();
  HttpServer same({.address = "127.0.0.1", .port = server_->port()}, handler_);
  EXPECT_EQ(same.Start().code(), StatusCode::kUnavailable);
}

}  // namespace
}  // namespace triune::server::http
