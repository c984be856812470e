#include "serving/model_repository.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "serving/testing/fake_call.h"
#include "serving/testing/fake_model.h"

namespace triune::serving {
namespace {

using testing::FakeCall;
using testing::FakeModel;
using testing::FakeRuntimes;
using ::testing::HasSubstr;

using Loaded = Result<std::unique_ptr<model::Model>>;

ModelConfig Config(std::string name, std::string path = "/models/good", std::string model_namespace = "default") {
  ModelConfig config;
  config.name = std::move(name);
  config.path = std::move(path);
  config.model_namespace = std::move(model_namespace);
  return config;
}

std::vector<ModelConfig> Configs(int count) {
  std::vector<ModelConfig> configs;
  for (int i = 0; i < count; ++i) configs.push_back(Config("m" + std::to_string(i)));
  return configs;
}

Loaded LoadUnlessBad(const model::ModelSource& source) {
  if (source.path == "/models/bad") return FailedPrecondition("the file is not a model");
  if (source.path == "/models/huge") throw std::bad_alloc();
  return std::unique_ptr<model::Model>(std::make_unique<FakeModel>());
}

ServedModel& Get(const ModelRepository& repository, std::string_view name) {
  auto found = repository.catalog()->Find(name, "");
  EXPECT_TRUE(found.ok()) << found.status().ToString();
  return **found;
}

Status Predict(ServedModel& model) {
  FakeCall call;
  call.PredictWith(model);
  return call.Wait();
}

TEST(ModelRepositoryTest, WithoutModelsIsReadyAndSettled) {
  FakeRuntimes runtimes;
  ModelRepository repository(runtimes);
  EXPECT_TRUE(repository.Ready());
  EXPECT_TRUE(repository.Settled());
  repository.WaitUntilSettled();
  EXPECT_TRUE(repository.Add({}).ok());
  EXPECT_TRUE(repository.catalog()->models().empty());
}

TEST(ModelRepositoryTest, LoadsWhatIsAdded) {
  std::mutex mutex;
  std::vector<model::ModelSource> sources;
  FakeRuntimes runtimes([&](const model::ModelSource& source) -> Loaded {
    std::lock_guard lock(mutex);
    sources.push_back(source);
    return LoadUnlessBad(source);
  });
  ModelRepository repository(runtimes);
  ModelConfig config = Config("iris", "/models/iris");
  config.parameters = {{"threads", "2"}};
  ASSERT_TRUE(repository.Add({config}).ok());
  repository.WaitUntilSettled();
  EXPECT_TRUE(repository.Settled());
  EXPECT_TRUE(repository.Ready());
  EXPECT_TRUE(Predict(Get(repository, "iris")).ok());
  ASSERT_EQ(sources.size(), 1U);
  EXPECT_EQ(sources[0].name, "iris");
  EXPECT_EQ(sources[0].path, "/models/iris");
  EXPECT_EQ(sources[0].format, "fake");
  EXPECT_EQ(sources[0].parameters, config.parameters);
}

TEST(ModelRepositoryTest, AModelThatFailsLeavesTheOthersAlone) {
  FakeRuntimes runtimes(LoadUnlessBad);
  ModelRepository repository(runtimes);
  ModelConfig missing = Config("missing");
  missing.unusable = NotFound("no such file: /models/missing");
  ModelConfig unknown = Config("unknown");
  unknown.format = "cobol";
  ASSERT_TRUE(repository
                  .Add({Config("bad", "/models/bad"), missing, Config("huge", "/models/huge"), unknown, Config("good"),
                        Config("good2")})
                  .ok());
  repository.WaitUntilSettled();
  EXPECT_FALSE(repository.Ready());
  EXPECT_TRUE(repository.Settled());
  EXPECT_TRUE(Predict(Get(repository, "good")).ok());
  EXPECT_TRUE(Predict(Get(repository, "good2")).ok());
  auto reason = [&](std::string_view name) { return std::string(Get(repository, name).NotReady().message()); };
  EXPECT_THAT(reason("bad"), HasSubstr("the file is not a model"));
  EXPECT_THAT(reason("missing"), HasSubstr("no such file: /models/missing"));
  EXPECT_THAT(reason("huge"), HasSubstr("bad_alloc"));
  EXPECT_THAT(reason("unknown"), HasSubstr("no runtime for model format 'cobol'"));
  for (const char* name : {"bad", "missing", "huge", "unknown"}) {
    EXPECT_EQ(Get(repository, name).state(), ModelState::kFailedToLoad) << name;
  }
}

TEST(ModelRepositoryTest, RefusesATakenNameAndThenAddsNone) {
  FakeRuntimes runtimes;
  ModelRepository repository(runtimes);
  ASSERT_TRUE(repository.Add({Config("a")}).ok());
  Status again = repository.Add({Config("b"), Config("a")});
  EXPECT_EQ(again.code(), StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(again.message()), HasSubstr("'a'"));
  EXPECT_EQ(repository.Add({Config("c"), Config("c")}).code(), StatusCode::kAlreadyExists);
  repository.WaitUntilSettled();
  EXPECT_EQ(repository.catalog()->models().size(), 1U);
  EXPECT_TRUE(repository.Add({Config("a", "/models/good", "other")}).ok()) << "another namespace, another model";
  EXPECT_EQ(repository.catalog()->models().size(), 2U);
}

TEST(ModelRepositoryTest, IsNotReadyWhileAModelLoads) {
  std::latch loading(1), go_on(1);
  FakeRuntimes runtimes([&](const model::ModelSource& source) -> Loaded {
    if (source.name == "slow") {
      loading.count_down();
      go_on.wait();
    }
    return LoadUnlessBad(source);
  });
  ModelRepository repository(runtimes);
  ASSERT_TRUE(repository.Add({Config("slow")}).ok());
  loading.wait();
  EXPECT_EQ(Get(repository, "slow").state(), ModelState::kLoading);
  EXPECT_FALSE(repository.Ready());
  EXPECT_FALSE(repository.Settled());
  // Another one is not held up by it.
  ASSERT_TRUE(repository.Add({Config("quick")}).ok());
  while (!Get(repository, "quick").ready()) std::this_thread::yield();
  EXPECT_FALSE(repository.Settled());
  go_on.count_down();
  repository.WaitUntilSettled();
  EXPECT_TRUE(repository.Ready());
}

TEST(ModelRepositoryTest, LoadsSeveralModelsAtATimeButNotAll) {
  // Each wave of four ends only if four are being loaded at once.
  std::latch first_wave(4);
  std::atomic<int> started{0}, running{0}, most{0};
  FakeRuntimes runtimes([&](const model::ModelSource& source) -> Loaded {
    int now = ++running;
    int before = most.load();
    while (now > before && !most.compare_exchange_weak(before, now)) continue;
    if (started.fetch_add(1) < 4) first_wave.arrive_and_wait();
    --running;
    return LoadUnlessBad(source);
  });
  ModelRepository repository(runtimes);
  ASSERT_TRUE(repository.Add(Configs(40)).ok());
  repository.WaitUntilSettled();
  EXPECT_TRUE(repository.Ready());
  EXPECT_EQ(started, 40);
  EXPECT_EQ(most, 4);
}

TEST(ModelRepositoryTest, DestroyedWhileLoadingLeavesNoModelHalfLoaded) {
  for (int round = 0; round < 20; ++round) {
    std::shared_ptr<const Catalog> catalog;
    std::latch loading(1);
    std::atomic<bool> first{true};
    FakeRuntimes runtimes([&](const model::ModelSource& source) -> Loaded {
      if (first.exchange(false)) loading.count_down();
      return LoadUnlessBad(source);
    });
    {
      ModelRepository repository(runtimes);
      ASSERT_TRUE(repository.Add(Configs(30)).ok());
      catalog = repository.catalog();
      loading.wait();
    }
    int loaded = 0;
    for (const auto& model : catalog->models()) {
      EXPECT_NE(model->state(), ModelState::kLoading);
      if (!model->ready()) continue;
      ++loaded;
      EXPECT_TRUE(Predict(*model).ok()) << "models outlive the repository for those who hold them";
    }
    EXPECT_GE(loaded, 1);
  }
}

TEST(ModelRepositoryTest, CatalogsAndMetricsMayBeReadWhileModelsAreAdded) {
  FakeRuntimes runtimes(LoadUnlessBad);
  ModelRepository repository(runtimes);
  std::atomic<bool> done{false};
  std::vector<std::jthread> readers;
  for (int t = 0; t < 3; ++t) {
    readers.emplace_back([&] {
      CatalogReader reader(repository);
      size_t last = 0;
      while (!done) {
        size_t now = reader.Get().models().size();
        EXPECT_GE(now, last);
        last = now;
        std::vector<telemetry::Family> families;
        repository.Collect(families);
        static_cast<void>(repository.Ready());
      }
      EXPECT_EQ(reader.Get().models().size(), 60U);
    });
  }
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(repository.Add({Config("m" + std::to_string(i))}).ok());
  repository.WaitUntilSettled();
  done = true;
}

TEST(CatalogReaderTest, KeepsItsCatalogUntilThereIsANewOne) {
  FakeRuntimes runtimes;
  ModelRepository repository(runtimes);
  CatalogReader reader(repository);
  const Catalog* empty = &reader.Get();
  EXPECT_TRUE(empty->models().empty());
  EXPECT_EQ(&reader.Get(), empty);
  ASSERT_TRUE(repository.Add({Config("a")}).ok());
  const Catalog* one = &reader.Get();
  ASSERT_EQ(one->models().size(), 1U);
  EXPECT_EQ(&reader.Get(), one);
}

/// The value of the one sample of a family with these labels, or -1.
double ValueOf(const std::vector<telemetry::Family>& families, std::string_view name, const telemetry::Labels& labels) {
  for (const telemetry::Family& family : families) {
    if (family.name != name) continue;
    for (const telemetry::Sample& sample : family.samples) {
      if (sample.labels == labels) {
        return family.type == telemetry::MetricType::kHistogram ? static_cast<double>(sample.count) : sample.value;
      }
    }
  }
  return -1;
}

TEST(ModelRepositoryTest, ReportsMetricsPerModel) {
  FakeRuntimes runtimes(LoadUnlessBad);
  ModelRepository repository(runtimes);
  ASSERT_TRUE(repository.Add({Config("good"), Config("bad", "/models/bad", "team")}).ok());
  repository.WaitUntilSettled();
  ServedModel& good = Get(repository, "good");
  ASSERT_TRUE(good.Enter().ok());
  good.metrics().CountRequest(Protocol::kV2, StatusCode::kOk, 7, 9);
  good.metrics().CountRequest(Protocol::kGrpc, StatusCode::kInvalidArgument, 1, 0);
  ASSERT_TRUE(Predict(good).ok());
  std::vector<telemetry::Family> families;
  repository.Collect(families);
  telemetry::Labels good_labels = {{"model_name", "good"}, {"namespace", "default"}};
  telemetry::Labels bad_labels = {{"model_name", "bad"}, {"namespace", "team"}};
  auto with_code = [&](const char* protocol, const char* code) {
    telemetry::Labels labels = good_labels;
    labels.insert(labels.end(), {{"protocol", protocol}, {"code", code}});
    return labels;
  };
  EXPECT_EQ(ValueOf(families, "triune_requests_total", with_code("v2", "OK")), 1);
  EXPECT_EQ(ValueOf(families, "triune_requests_total", with_code("grpc", "INVALID_ARGUMENT")), 1);
  EXPECT_EQ(ValueOf(families, "triune_requests_total", with_code("v1", "OK")), -1)
      << "what never happened has no series";
  EXPECT_EQ(ValueOf(families, "triune_requests_in_flight", good_labels), 1);
  EXPECT_EQ(ValueOf(families, "triune_request_bytes_total", good_labels), 8);
  EXPECT_EQ(ValueOf(families, "triune_response_bytes_total", good_labels), 9);
  EXPECT_EQ(ValueOf(families, "triune_model_ready", good_labels), 1);
  EXPECT_EQ(ValueOf(families, "triune_model_ready", bad_labels), 0);
  EXPECT_EQ(ValueOf(families, "triune_model_memory_bytes", good_labels), 4096);
  EXPECT_EQ(ValueOf(families, "triune_model_memory_bytes", bad_labels), 0);
  EXPECT_EQ(ValueOf(families, "request_predict_seconds", good_labels), 1);
  EXPECT_EQ(ValueOf(families, "triune_request_queue_seconds", good_labels), 1);
  EXPECT_EQ(ValueOf(families, "request_predict_seconds", bad_labels), -1);
}

}  // namespace
}  // namespace triune::serving
