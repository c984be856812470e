#include "serving/model_metrics.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace triune::serving {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

TEST(ModelMetricsTest, StartsAtNothing) {
  ModelMetrics metrics;
  EXPECT_EQ(metrics.Requests(Protocol::kV2, StatusCode::kOk), 0U);
  EXPECT_EQ(metrics.RequestBytes(), 0U);
  EXPECT_EQ(metrics.Latency(Phase::kPredict).count, 0U);
}

TEST(ModelMetricsTest, CountsByProtocolAndCode) {
  ModelMetrics metrics;
  metrics.CountRequest(Protocol::kV1, StatusCode::kOk, 10, 20);
  metrics.CountRequest(Protocol::kV1, StatusCode::kOk, 10, 20);
  metrics.CountRequest(Protocol::kGrpc, StatusCode::kUnauthenticated, 1, 2);
  EXPECT_EQ(metrics.Requests(Protocol::kV1, StatusCode::kOk), 2U);
  EXPECT_EQ(metrics.Requests(Protocol::kV2, StatusCode::kOk), 0U);
  EXPECT_EQ(metrics.Requests(Protocol::kGrpc, StatusCode::kUnauthenticated), 1U);
  EXPECT_EQ(metrics.RequestBytes(), 21U);
  EXPECT_EQ(metrics.ResponseBytes(), 42U);
}

TEST(ModelMetricsTest, TimesPhasesApart) {
  ModelMetrics metrics;
  metrics.Observe(Phase::kPredict, milliseconds(3));
  metrics.Observe(Phase::kPredict, microseconds(20));
  metrics.Observe(Phase::kQueue, milliseconds(1));
  telemetry::Sample predict = metrics.Latency(Phase::kPredict);
  EXPECT_EQ(predict.count, 2U);
  EXPECT_NEAR(predict.sum, 0.00302, 1e-9);
  for (const auto& [bound, count] : predict.buckets) {
    EXPECT_EQ(count, bound >= 0.003 ? 2U : bound >= 2e-5 ? 1U : 0U) << bound;
  }
  EXPECT_EQ(metrics.Latency(Phase::kQueue).count, 1U);
  EXPECT_EQ(metrics.Latency(Phase::kPreprocess).count, 0U);
}

TEST(ModelMetricsTest, LosesNothingWithMoreThreadsThanShards) {
  constexpr int kThreads = static_cast<int>(telemetry::kShards) * 2 + 1;
  constexpr int kCounts = 200;
  ModelMetrics metrics;
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kCounts; ++i) {
        metrics.CountRequest(Protocol::kV2, StatusCode::kOk, 3, 5);
        metrics.Observe(Phase::kPostprocess, microseconds(1));
        static_cast<void>(metrics.RequestBytes());  // as a scrape does meanwhile
      }
    });
  }
  threads.clear();
  EXPECT_EQ(metrics.Requests(Protocol::kV2, StatusCode::kOk), uint64_t{kThreads} * kCounts);
  EXPECT_EQ(metrics.RequestBytes(), uint64_t{kThreads} * kCounts * 3);
  EXPECT_EQ(metrics.ResponseBytes(), uint64_t{kThreads} * kCounts * 5);
  EXPECT_EQ(metrics.Latency(Phase::kPostprocess).count, uint64_t{kThreads} * kCounts);
}

TEST(ModelMetricsTest, ProtocolsHaveTheirNames) {
  EXPECT_EQ(ProtocolName(Protocol::kV1), "v1");
  EXPECT_EQ(ProtocolName(Protocol::kV2), "v2");
  EXPECT_EQ(ProtocolName(Protocol::kGrpc), "grpc");
}

}  // namespace
}  // namespace triune::serving
