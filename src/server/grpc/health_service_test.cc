#include "server/grpc/health_service.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/grpc/testing/running_server.h"

namespace triune::server::grpc_api {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using testing::ClientContext;
using testing::RunningServer;

constexpr const char* kInference = "inference.GRPCInferenceService";

HealthCheckRequest About(const std::string& service) {
  HealthCheckRequest request;
  request.set_service(service);
  return request;
}

/// A client's Watch stream.
class Watcher {
 public:
  Watcher(RunningServer& server, const std::string& service)
      : stub_(Health::NewStub(server.channel())), reader_(stub_->Watch(&context_, About(service))) {}

  /// The next status; -1 when the stream has ended.
  int Next() {
    HealthCheckResponse response;
    return reader_->Read(&response) ? response.status() : -1;
  }
  void Cancel() { context_.TryCancel(); }
  grpc::StatusCode Finish() {
    HealthCheckResponse response;
    while (reader_->Read(&response)) continue;
    return reader_->Finish().error_code();
  }

 private:
  ClientContext context_;
  std::unique_ptr<Health::Stub> stub_;
  std::unique_ptr<grpc::ClientReader<HealthCheckResponse>> reader_;
};

class HealthServiceTest : public ::testing::Test {
 protected:
  grpc::Status Check(const std::string& service, HealthCheckResponse* response) {
    ClientContext context;
    return Health::NewStub(server_.channel())->Check(&context, About(service), response);
  }
  int StatusOf(const std::string& service) {
    HealthCheckResponse response;
    grpc::Status status = Check(service, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.status();
  }

  RunningServer server_;
};

TEST_F(HealthServiceTest, IsNotServingUntilTold) {
  EXPECT_EQ(StatusOf(""), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(StatusOf(kInference), HealthCheckResponse::NOT_SERVING);
  server_.server().SetServing(true);
  EXPECT_EQ(StatusOf(""), HealthCheckResponse::SERVING);
  EXPECT_EQ(StatusOf(kInference), HealthCheckResponse::SERVING);
  server_.server().SetServing(false);
  EXPECT_EQ(StatusOf(""), HealthCheckResponse::NOT_SERVING);
}

TEST_F(HealthServiceTest, CheckOfAnUnknownServiceIsNotFound) {
  HealthCheckResponse response;
  EXPECT_EQ(Check("nobody", &response).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Check("inference", &response).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(HealthServiceTest, AnswersManyChecksOnOneConnection) {
  server_.server().SetServing(true);
  std::vector<std::jthread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([this] {
      for (int j = 0; j < 50; ++j) EXPECT_EQ(StatusOf(""), HealthCheckResponse::SERVING);
    });
  }
}

TEST_F(HealthServiceTest, WatchTellsTheStatusAtOnceAndEveryChange) {
  Watcher server(server_, "");
  Watcher service(server_, kInference);
  for (bool serving : {false, true, false, true}) {
    server_.server().SetServing(serving);
    int want = serving ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
    EXPECT_EQ(server.Next(), want);
    EXPECT_EQ(service.Next(), want);
  }
}

TEST_F(HealthServiceTest, WatchDoesNotRepeatItself) {
  server_.server().SetServing(true);
  Watcher watcher(server_, "");
  EXPECT_EQ(watcher.Next(), HealthCheckResponse::SERVING);
  server_.server().SetServing(true);
  EXPECT_EQ(StatusOf(""), HealthCheckResponse::SERVING);  // on the same thread: what is before it has been handled
  server_.server().SetServing(false);
  EXPECT_EQ(watcher.Next(), HealthCheckResponse::NOT_SERVING);
}

TEST_F(HealthServiceTest, WatchOfAnUnknownServiceStaysOpen) {
  Watcher watcher(server_, "nobody");
  EXPECT_EQ(watcher.Next(), HealthCheckResponse::SERVICE_UNKNOWN);
  server_.server().SetServing(true);
  server_.server().Stop(std::chrono::seconds(5));
  EXPECT_EQ(watcher.Next(), -1) << "no change of the server's status is one of an unknown service's";
  EXPECT_EQ(watcher.Finish(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(HealthServiceTest, StopTellsWatchersBeforeItEndsThem) {
  server_.server().SetServing(true);
  Watcher watcher(server_, "");
  EXPECT_EQ(watcher.Next(), HealthCheckResponse::SERVING);
  server_.server().Stop(std::chrono::seconds(5));
  EXPECT_EQ(watcher.Next(), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(watcher.Next(), -1);
  EXPECT_EQ(watcher.Finish(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(HealthServiceTest, LimitsItsWatchersAndForgetsThoseThatLeft) {
  std::vector<std::unique_ptr<Watcher>> watchers;
  for (size_t i = 0; i < HealthCalls::kMostWatches; ++i) {
    watchers.push_back(std::make_unique<Watcher>(server_, ""));
    ASSERT_EQ(watchers.back()->Next(), HealthCheckResponse::NOT_SERVING) << i;
  }
  EXPECT_EQ(Watcher(server_, "").Finish(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  watchers.front()->Cancel();
  EXPECT_EQ(watchers.front()->Finish(), grpc::StatusCode::CANCELLED);
  // The client knows before the server does.
  auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  bool entered = false;
  while (!entered && std::chrono::steady_clock::now() < limit) {
    entered = Watcher(server_, "").Next() == HealthCheckResponse::NOT_SERVING;
  }
  EXPECT_TRUE(entered);
}

TEST(HealthServiceThreadsTest, SurvivesChangesAndWatchersFromAllSides) {
  RunningServer server(/*threads=*/2);
  std::atomic<bool> done{false};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      for (int j = i; !done.load(); ++j) {
        server.server().SetServing(j % 2 == 0);
        std::this_thread::yield();
      }
    });
  }
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 30; ++j) {
        Watcher watcher(server, i == 0 ? "" : kInference);
        for (int k = 0; k < 3; ++k) {
          int status = watcher.Next();
          EXPECT_TRUE(status == HealthCheckResponse::SERVING || status == HealthCheckResponse::NOT_SERVING) << status;
        }
        watcher.Cancel();
      }
    });
  }
  for (size_t i = 2; i < threads.size(); ++i) threads[i].join();
  done = true;
  threads.clear();
  // However it went, the last word counts.
  server.server().SetServing(true);
  Watcher last(server, "");
  EXPECT_EQ(last.Next(), HealthCheckResponse::SERVING);
}

}  // namespace
}  // namespace triune::server::grpc_api
