#include "server/grpc/grpc_server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "health.grpc.pb.h"
#include "open_inference_grpc.grpc.pb.h"
#include "reflection_v1.grpc.pb.h"
#include "reflection_v1alpha.grpc.pb.h"
#include "server/grpc/testing/running_server.h"

namespace triune::server::grpc_api {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ClientContext;
using testing::RunningServer;
using Stub = inference::GRPCInferenceService::Stub;

/// One row of four FP32, as raw contents.
inference::ModelInferRequest Row(const std::string& model) {
  inference::ModelInferRequest request;
  request.set_model_name(model);
  auto* input = request.add_inputs();
  input->set_name("x");
  input->set_datatype("FP32");
  input->add_shape(1);
  input->add_shape(4);
  const float values[] = {0.5F, -1.0F, 2.0F, 3.25F};
  request.add_raw_input_contents(std::string(reinterpret_cast<const char*>(values), sizeof(values)));
  return request;
}

std::unique_ptr<Stub> Inference(RunningServer& server) {
  return inference::GRPCInferenceService::NewStub(server.channel());
}

TEST(GrpcServerTest, SaysThatItIsLiveAndWhetherItIsReady) {
  RunningServer server;
  auto stub = Inference(server);
  auto ready = [&] {
    ClientContext context;
    inference::ServerReadyResponse response;
    EXPECT_TRUE(stub->ServerReady(&context, {}, &response).ok());
    return response.ready();
  };
  ClientContext context;
  inference::ServerLiveResponse live;
  EXPECT_TRUE(stub->ServerLive(&context, {}, &live).ok());
  EXPECT_TRUE(live.live());
  EXPECT_TRUE(ready());
  server.SetAccepting(false);
  EXPECT_FALSE(ready());
}

TEST(GrpcServerTest, DescribesItself) {
  RunningServer server;
  ClientContext context;
  inference::ServerMetadataResponse response;
  ASSERT_TRUE(Inference(server)->ServerMetadata(&context, {}, &response).ok());
  EXPECT_EQ(response.name(), "triune");
  EXPECT_EQ(response.version(), "1.2.3");
}

TEST(GrpcServerTest, AnUnknownModelIsNotFound) {
  RunningServer server;
  auto stub = Inference(server);
  ClientContext of_metadata;
  inference::ModelMetadataRequest metadata;
  metadata.set_name("nobody");
  inference::ModelMetadataResponse described;
  grpc::Status status = stub->ModelMetadata(&of_metadata, metadata, &described);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_NE(status.error_message().find("nobody"), std::string::npos) << status.error_message();
  ClientContext of_infer;
  inference::ModelInferResponse inferred;
  EXPECT_EQ(stub->ModelInfer(&of_infer, Row("nobody"), &inferred).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST(GrpcServerTest, AnswersWithTheModelsOutputs) {
  RunningServer server;
  server.AddModel("echo");
  auto stub = Inference(server);
  for (int i = 0; i < 200; ++i) {  // more than there are calls: they are used again
    ClientContext context;
    inference::ModelInferRequest request = Row("echo");
    request.set_id(std::to_string(i));
    inference::ModelInferResponse response;
    ASSERT_TRUE(stub->ModelInfer(&context, request, &response).ok());
    EXPECT_EQ(response.id(), request.id());
    ASSERT_EQ(response.raw_output_contents_size(), 1);
    EXPECT_EQ(response.raw_output_contents(0), request.raw_input_contents(0));
  }
}

TEST(GrpcServerTest, AnswersLargeMessages) {
  RunningServer server;
  server.AddModel("echo");
  inference::ModelInferRequest request = Row("echo");
  constexpr int64_t kRows = 100'000;  // 1.6 MB: decoded on another thread
  request.mutable_inputs(0)->set_shape(0, kRows);
  *request.mutable_raw_input_contents(0) = std::string(kRows * 4 * sizeof(float), '\x3f');
  for (int i = 0; i < 5; ++i) {
    ClientContext context;
    inference::ModelInferResponse response;
    grpc::Status status = Inference(server)->ModelInfer(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.raw_output_contents(0), request.raw_input_contents(0));
  }
}

/// A server with the model "slow", which answers when it is told to.
class SlowModel {
 public:
  explicit SlowModel(Duration request_timeout = Duration(0)) { server.AddModel("slow", request_timeout); }
  ~SlowModel() { Release(); }

  std::future<grpc::Status> Call(grpc::ClientContext& context, const inference::ModelInferRequest& request) {
    return std::async(std::launch::async, [this, &context, request] {
      inference::ModelInferResponse response;
      return Inference(server)->ModelInfer(&context, request, &response);
    });
  }
  void WaitUntilRunning() { running_.get_future().wait(); }
  void Release() {
    if (!released_.exchange(true)) release_.set_value();
  }
  void WaitUntilIdle() {
    while (server.server().InFlight() > 0) std::this_thread::yield();
  }
  int runs() const { return runs_; }

 private:
  Result<std::unique_ptr<model::Model>> Load() {
    return std::unique_ptr<model::Model>(std::make_unique<serving::testing::FakeModel>(
        serving::testing::OneToOne(),
        [this](const model::InferenceRequest& request, model::InferenceResponse& response) {
          if (++runs_ == 1) {
            running_.set_value();
            release_.get_future().wait();
          }
          return serving::testing::Echo(serving::testing::OneToOne(), request, response);
        }));
  }

  std::atomic<int> runs_{0};
  std::atomic<bool> released_{false};
  std::promise<void> running_, release_;

 public:
  RunningServer server{1, [this](const model::ModelSource&) { return Load(); }};
};

TEST(GrpcServerTest, AnswersWhenTheModelsTimeIsOver) {
  SlowModel slow(milliseconds(20));
  for (size_t rows : {size_t{1}, size_t{100'000}}) {  // the large one is decoded on another thread
    inference::ModelInferRequest request = Row("slow");
    request.mutable_inputs(0)->set_shape(0, static_cast<int64_t>(rows));
    *request.mutable_raw_input_contents(0) = std::string(rows * 4 * sizeof(float), '\x3f');
    ClientContext context;
    grpc::Status status = slow.Call(context, request).get();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED) << status.error_message();
  }
  EXPECT_EQ(slow.server.server().InFlight(), 2U) << "the model still has both";
  slow.Release();
  slow.WaitUntilIdle();
  EXPECT_EQ(slow.runs(), 1) << "nobody waited for the other any more";
  ClientContext context;
  EXPECT_TRUE(slow.Call(context, Row("slow")).get().ok());
}

TEST(GrpcServerTest, ACallCancelledInTheQueueIsNotRun) {
  SlowModel slow;
  ClientContext first_context, second_context, live_context;
  auto first = slow.Call(first_context, Row("slow"));
  slow.WaitUntilRunning();
  auto second = slow.Call(second_context, Row("slow"));
  while (slow.server.server().InFlight() < 2) std::this_thread::yield();
  second_context.TryCancel();
  EXPECT_EQ(second.get().error_code(), grpc::StatusCode::CANCELLED);
  // On the same connection, and so behind the cancellation.
  inference::ServerLiveResponse live;
  EXPECT_TRUE(Inference(slow.server)->ServerLive(&live_context, {}, &live).ok());
  slow.Release();
  EXPECT_TRUE(first.get().ok());
  slow.WaitUntilIdle();
  EXPECT_EQ(slow.runs(), 1);
}

TEST(GrpcServerTest, EchoesTheTraceAndTheRequestIdOnlyWhenTheyAreWellFormed) {
  RunningServer server;
  server.AddModel("echo");
  auto metadata = [&](const std::string& trace, const std::string& id) {
    ClientContext context;
    context.AddMetadata("traceparent", trace);
    context.AddMetadata("x-request-id", id);
    inference::ModelInferResponse response;
    EXPECT_TRUE(Inference(server)->ModelInfer(&context, Row("echo"), &response).ok());
    std::map<std::string, std::string> found;
    for (const auto& [key, value] : context.GetServerInitialMetadata()) {
      found[std::string(key.data(), key.size())] = std::string(value.data(), value.size());
    }
    return found;
  };
  const std::string trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  auto found = metadata(trace, "one");
  EXPECT_EQ(found["traceparent"], trace);
  EXPECT_EQ(found["x-request-id"], "one");
  found = metadata("garbage", std::string(5000, 'x'));
  EXPECT_EQ(found.count("traceparent"), 0U);
  EXPECT_EQ(found["x-request-id"].size(), 256U);
}

TEST(GrpcServerTest, SaysThatThePortIsTaken) {
  RunningServer first;
  serving::testing::FakeRuntimes runtimes;
  serving::ModelRepository repository(runtimes);
  GrpcServer::Options options;
  options.address = "127.0.0.1";
  options.port = first.server().port();
  ThreadPoolExecutor executor(1, 1);
  GrpcServer second(options, repository, executor, [] { return true; });
  Status started = second.Start();
  EXPECT_EQ(started.code(), StatusCode::kUnavailable);
  EXPECT_NE(std::string(started.message()).find(std::to_string(first.server().port())), std::string::npos);
  second.SetServing(true);
  EXPECT_EQ(second.InFlight(), 0U);
  second.Stop(seconds(1));
}

TEST(GrpcServerTest, StopsAtOnceWithOpenStreams) {
  RunningServer server(/*threads=*/2);
  ClientContext watch_context;
  grpc::health::v1::HealthCheckResponse status;
  auto health = grpc::health::v1::Health::NewStub(server.channel());
  auto watch = health->Watch(&watch_context, {});
  ASSERT_TRUE(watch->Read(&status));

  ClientContext v1_context;
  grpc::reflection::v1::ServerReflectionRequest request;
  grpc::reflection::v1::ServerReflectionResponse response;
  request.set_list_services("*");
  auto v1 = grpc::reflection::v1::ServerReflection::NewStub(server.channel());
  auto used = v1->ServerReflectionInfo(&v1_context);
  ASSERT_TRUE(used->Write(request));
  ASSERT_TRUE(used->Read(&response));
  ClientContext v1alpha_context;  // opened, but nothing was asked
  auto v1alpha = grpc::reflection::v1alpha::ServerReflection::NewStub(server.channel());
  auto unused = v1alpha->ServerReflectionInfo(&v1alpha_context);

  auto start = std::chrono::steady_clock::now();
  server.server().Stop(seconds(30));  // no part of which it should need
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(2));
  EXPECT_FALSE(watch->Read(&status));
  EXPECT_FALSE(watch->Finish().ok());
  EXPECT_FALSE(used->Read(&response));
  EXPECT_FALSE(used->Finish().ok());
}

TEST(GrpcServerTest, CanBeAskedWhenItHasStopped) {
  RunningServer server;
  server.server().SetServing(true);
  server.server().Stop(seconds(1));
  server.server().SetServing(true);
  EXPECT_EQ(server.server().InFlight(), 0U);
  server.server().Stop(seconds(1));
  ClientContext context;
  inference::ServerLiveResponse response;
  EXPECT_EQ(Inference(server)->ServerLive(&context, {}, &response).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(GrpcServerTest, StopWaitsForTheModelThatStillRuns) {
  std::promise<void> running;
  std::promise<void> release;
  auto infer = [&](const model::InferenceRequest& request, model::InferenceResponse& response) {
    running.set_value();
    release.get_future().wait();
    return serving::testing::Echo(serving::testing::OneToOne(), request, response);
  };
  RunningServer server(/*threads=*/1, [&](const model::ModelSource&) -> Result<std::unique_ptr<model::Model>> {
    return std::unique_ptr<model::Model>(
        std::make_unique<serving::testing::FakeModel>(serving::testing::OneToOne(), infer));
  });
  server.AddModel("slow");
  auto answered = std::async(std::launch::async, [&] {
    ClientContext context;
    inference::ModelInferResponse response;
    return Inference(server)->ModelInfer(&context, Row("slow"), &response).ok();
  });
  running.get_future().wait();
  EXPECT_EQ(server.server().InFlight(), 1U);
  auto stopped = std::async(std::launch::async, [&] { server.server().Stop(milliseconds(10)); });
  EXPECT_FALSE(answered.get()) << "the client is cut off";
  EXPECT_EQ(stopped.wait_for(milliseconds(50)), std::future_status::timeout);
  release.set_value();
  EXPECT_EQ(stopped.wait_for(seconds(5)), std::future_status::ready);
  EXPECT_EQ(server.server().InFlight(), 0U);
}

/// Calls of every kind come in while the server goes down: each gets an answer or an error, and nothing is left behind.
TEST(GrpcServerTest, StopsUnderLoad) {
  for (int round = 0; round < 10; ++round) {
    RunningServer server(/*threads=*/2);
    server.AddModel("echo");
    std::atomic<int> answers{0};
    std::vector<std::jthread> clients;
    for (int i = 0; i < 3; ++i) {
      clients.emplace_back([&] {
        auto stub = Inference(server);
        for (bool ok = true; ok;) {
          ClientContext context;
          inference::ModelInferResponse response;
          ok = stub->ModelInfer(&context, Row("echo"), &response).ok();
          answers += ok ? 1 : 0;
        }
      });
    }
    clients.emplace_back([&] {
      auto health = grpc::health::v1::Health::NewStub(server.channel());
      for (bool ok = true; ok;) {
        ClientContext watch_context;
        ClientContext check_context;
        grpc::health::v1::HealthCheckResponse response;
        auto watch = health->Watch(&watch_context, {});
        ok = watch->Read(&response) && health->Check(&check_context, {}, &response).ok();
      }
    });
    clients.emplace_back([&] {
      auto reflection = grpc::reflection::v1::ServerReflection::NewStub(server.channel());
      grpc::reflection::v1::ServerReflectionRequest request;
      request.set_file_containing_symbol("inference.GRPCInferenceService");
      for (bool ok = true; ok;) {
        ClientContext context;
        grpc::reflection::v1::ServerReflectionResponse response;
        auto stream = reflection->ServerReflectionInfo(&context);
        ok = stream->Write(request) && stream->Read(&response);
      }
    });
    while (answers < 20) std::this_thread::yield();
    server.server().Stop(milliseconds(round));
    clients.clear();
  }
}

}  // namespace
}  // namespace triune::server::grpc_api
