#include "telemetry/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace triune::telemetry {
namespace {

using ::testing::HasSubstr;

TEST(CounterTest, AddsUpOverThreads) {
  Counter counter;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 20; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < 1000; ++j) counter.Add();
      });
    }
  }
  EXPECT_EQ(counter.Value(), 20'000U);
}

TEST(LatencyCellsTest, CountsCumulatively) {
  LatencyCells cells;
  cells.Observe(std::chrono::microseconds(10));  // on the bound of the first bucket: inside it
  cells.Observe(std::chrono::microseconds(11));  // second
  cells.Observe(std::chrono::seconds(60));       // above all
  cells.Observe(std::chrono::nanoseconds(-5));   // a clock that stepped back counts as nothing
  Sample sample;
  cells.AddTo(sample);
  EXPECT_EQ(sample.buckets[0].second, 2U);
  EXPECT_EQ(sample.buckets[1].second, 3U);
  EXPECT_EQ(sample.buckets.back().second, 3U);
  EXPECT_EQ(sample.count, 4U);
  EXPECT_NEAR(sample.sum, 60.000021, 1e-9);
}

TEST(MetricsRegistryTest, JoinsFamiliesOfOneName) {
  MetricsRegistry registry;
  for (const char* model : {"iris", "digits"}) {
    registry.Add([model](std::vector<Family>& out) {
      out.push_back(
          {"requests_total", "Requests.", MetricType::kCounter, {{.labels = {{"model", model}}, .value = 3}}});
    });
  }
  std::string text = ToPrometheusText(registry.Collect());
  EXPECT_EQ(text,
            "# HELP requests_total Requests.\n# TYPE requests_total counter\n"
            "requests_total{model=\"iris\"} 3\nrequests_total{model=\"digits\"} 3\n");
}

TEST(MetricsTextTest, WritesHistogramsAndEscapesLabels) {
  LatencyCells cells;
  cells.Observe(std::chrono::milliseconds(3));
  Family family{"latency_seconds", "Latency.", MetricType::kHistogram, {{.labels = {{"model", "a\"b\\c\nd"}}}}};
  cells.AddTo(family.samples[0]);
  std::string text = ToPrometheusText({family});
  EXPECT_THAT(text, HasSubstr(R"(latency_seconds_bucket{model="a\"b\\c\nd",le="0.005"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(le="+Inf"} 1)"));
  EXPECT_THAT(text, HasSubstr("latency_seconds_sum"));
}

TEST(ProcessMetricsTest, ReportsPlausibleValues) {
  std::vector<Family> families;
  CollectProcessMetrics(families);
  for (const Family& family : families) {
    ASSERT_EQ(family.samples.size(), 1U) << family.name;
    EXPECT_GE(family.samples[0].value, family.name == "process_cpu_seconds_total" ? 0 : 1) << family.name;
  }
}

}  // namespace
}  // namespace triune::telemetry
