// A gRPC server with fake models, and a client of it, for tests.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "server/grpc/grpc_server.h"
#include "serving/model_repository.h"
#include "serving/testing/fake_model.h"

namespace triune::server::grpc_api::testing {

/// The client's side of a call. Fails after ten seconds rather than hang.
class ClientContext : public grpc::ClientContext {
 public:
  ClientContext() { set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10)); }
};

/// Listens on a free port of 127.0.0.1 from its construction on.
class RunningServer {
 public:
  explicit RunningServer(int threads = 1, serving::testing::FakeRuntimes::LoadFunction load = nullptr)
      : runtimes_(std::move(load)),
        repository_(runtimes_),
        server_({.address = "127.0.0.1", .port = 0, .threads = threads, .version = "1.2.3"}, repository_, executor_,
                [this] { return accepting_.load(); }) {
    Status started = server_.Start();
    EXPECT_TRUE(started.ok()) << started.message();
    grpc::ChannelArguments own_connection;
    own_connection.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channel_ = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(server_.port()),
                                         grpc::InsecureChannelCredentials(), own_connection);
  }

  GrpcServer& server() { return server_; }
  const std::shared_ptr<grpc::Channel>& channel() { return channel_; }
  void SetAccepting(bool accepting) { accepting_ = accepting; }

  /// A FakeModel that is loaded when this returns.
  void AddModel(const std::string& name, Duration request_timeout = Duration(0)) {
    serving::ModelConfig config;
    config.name = name;
    config.request_timeout = request_timeout;
    config.path = "/nowhere";
    config.warm_up = false;
    Status added = repository_.Add({std::move(config)});
    ASSERT_TRUE(added.ok()) << added.message();
    repository_.WaitUntilSettled();
    ASSERT_TRUE(repository_.Ready());
  }

 private:
  serving::testing::FakeRuntimes runtimes_;
  serving::ModelRepository repository_;
  ThreadPoolExecutor executor_{1, 16};
  std::atomic<bool> accepting_{true};
  GrpcServer server_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace triune::server::grpc_api::testing
