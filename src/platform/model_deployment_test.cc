#include "platform/model_deployment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "base/strings.h"
#include "resource/manifest.h"

namespace triune::platform {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

/// A folder with `iris/model.onnx`, and manifests in it.
class DeployTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "triune-platform-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = fs::canonical(pattern).string();
    fs::create_directory(root_ + "/iris");
    std::ofstream(root_ + "/iris/model.onnx") << "x";
  }
  void TearDown() override { fs::remove_all(root_); }

  /// An InferenceService "iris" whose predictor and model have these lines besides the format and the URI.
  resource::InferenceService Service(const std::string& model_lines = "", const std::string& predictor_lines = "",
                                     const std::string& format = "onnx", const std::string& uri = "iris") const {
    std::string text =
        "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: iris, namespace: team}\n"
        "spec:\n  predictor:\n";
    for (const std::string& line : Lines(predictor_lines)) text += StrCat("    ", line, "\n");
    text += StrCat("    model:\n      modelFormat: {name: ", format, "}\n      storageUri: ", uri, "\n");
    for (const std::string& line : Lines(model_lines)) text += StrCat("      ", line, "\n");
    resource::Manifests manifests = resource::ParseManifest(text, root_ + "/iris.yaml", {});
    for (const auto& diagnostic : manifests.diagnostics) {
      EXPECT_NE(diagnostic.severity, resource::Diagnostic::kError) << diagnostic.ToString() << "\n" << text;
    }
    EXPECT_EQ(manifests.inference_services.size(), 1U) << text;
    return manifests.inference_services.empty() ? resource::InferenceService() : manifests.inference_services[0];
  }
  Deployment Deployed(const resource::InferenceService& service) const {
    auto deployment = Deploy(service, defaults_);
    EXPECT_TRUE(deployment.ok()) << deployment.status().ToString();
    return deployment.ok() ? *std::move(deployment) : Deployment();
  }
  std::string Error(const resource::InferenceService& service) const {
    return Deploy(service, defaults_).status().ToString();
  }
  static std::vector<std::string> Lines(const std::string& text) {
    std::vector<std::string> lines;
    for (size_t start = 0; start < text.size();) {
      size_t end = std::min(text.find('\n', start), text.size());
      lines.push_back(text.substr(start, end - start));
      start = end + 1;
    }
    return lines;
  }

  std::string root_;
  DeploymentDefaults defaults_;
};

TEST_F(DeployTest, TakesNameNamespaceFormatAndFiles) {
  Deployment deployment = Deployed(Service());
  EXPECT_EQ(deployment.config.name, "iris");
  EXPECT_EQ(deployment.config.model_namespace, "team");
  EXPECT_EQ(deployment.config.format, "onnx");
  EXPECT_EQ(deployment.config.path, root_ + "/iris") << "relative to the manifest";
  EXPECT_TRUE(deployment.config.unusable.ok());
  EXPECT_THAT(deployment.config.parameters, IsEmpty());
  EXPECT_THAT(deployment.warnings, IsEmpty());
  EXPECT_EQ(deployment.config.instances, 1);
  EXPECT_EQ(deployment.config.max_concurrency, 0);
  EXPECT_EQ(deployment.config.max_in_flight, 1024);
  EXPECT_EQ(deployment.config.request_timeout, Duration(0));
  EXPECT_TRUE(deployment.config.warm_up);
}

TEST_F(DeployTest, AModelThatIsNotThereIsDeployedToBeSeenFailing) {
  Deployment deployment = Deployed(Service("", "", "onnx", "rose"));
  EXPECT_EQ(deployment.config.unusable.code(), StatusCode::kNotFound);
  EXPECT_THAT(std::string(deployment.config.unusable.message()), HasSubstr("rose"));
  Deployment remote = Deployed(Service("", "", "onnx", "s3://bucket/iris"));
  EXPECT_EQ(remote.config.unusable.code(), StatusCode::kUnimplemented);
}

TEST_F(DeployTest, ClaimsAreMapped) {
  defaults_.storage.pvc_folders["models"] = root_;
  EXPECT_EQ(Deployed(Service("", "", "onnx", "pvc://models/iris")).config.path, root_ + "/iris");
  Deployment other = Deployed(Service("", "", "onnx", "pvc://other/iris"));
  EXPECT_EQ(other.config.unusable.code(), StatusCode::kFailedPrecondition);
}

TEST_F(DeployTest, AManifestWithoutUriIsSeenFailing) {
  resource::InferenceService service = Service();
  service.predictor.model.storage_uri.clear();
  Deployment deployment = Deployed(service);
  EXPECT_EQ(deployment.config.unusable.code(), StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(deployment.config.unusable.message()), HasSubstr("storageUri"));
}

TEST_F(DeployTest, LimitsOfTheServerAreDefaults) {
  defaults_.max_in_flight = 7;
  EXPECT_EQ(Deployed(Service()).config.max_in_flight, 7);
  EXPECT_EQ(Deployed(Service("", "timeout: 30")).config.request_timeout, seconds(30));
}

TEST_F(DeployTest, ContainerConcurrencyLimitsAlsoTheInstances) {
  Deployment deployment = Deployed(Service("args: [--instances=8]", "containerConcurrency: 3"));
  EXPECT_EQ(deployment.config.max_concurrency, 3);
  EXPECT_EQ(deployment.config.instances, 3);
  EXPECT_EQ(Deployed(Service("args: [--instances=2]", "containerConcurrency: 3")).config.instances, 2);
  EXPECT_EQ(Deployed(Service("", "containerConcurrency: 9000000000")).config.max_concurrency, 1 << 20);
}

TEST_F(DeployTest, TheCpuLimitSaysHowManyInstances) {
  int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  EXPECT_EQ(Deployed(Service("resources: {limits: {cpu: 500m}}")).config.instances, 1);
  EXPECT_EQ(Deployed(Service("resources: {limits: {cpu: 1500m}}")).config.instances, std::min(2, cores));
  EXPECT_EQ(Deployed(Service("resources: {limits: {cpu: 100000}}")).config.instances, cores);
  EXPECT_EQ(Deployed(Service("resources: {requests: {cpu: 100000}}")).config.instances, 1);
}

TEST_F(DeployTest, ArgumentsAreParameters) {
  Deployment deployment =
      Deployed(Service("args: [--intra-op-threads=2, --allow_spinning, --execution_mode, parallel]"));
  EXPECT_THAT(deployment.config.parameters, ElementsAre(Pair("intra_op_threads", "2"), Pair("allow_spinning", "true"),
                                                        Pair("execution_mode", "parallel")));
  EXPECT_THAT(deployment.warnings, IsEmpty());
}

TEST_F(DeployTest, ArgumentsOfKServesContainersDoNoHarm) {
  Deployment deployment =
      Deployed(Service("args: [--model_name=flower, --http-port=9000, --model_dir, /mnt/models, "
                       "--workers, '4', --enable_latency_logging, --predictor_use_ssl=false]"));
  EXPECT_EQ(deployment.config.name, "flower");
  EXPECT_THAT(deployment.config.parameters, IsEmpty());
  EXPECT_THAT(deployment.warnings,
              ElementsAre(HasSubstr("--http_port"), HasSubstr("--model_dir"), HasSubstr("--workers"),
                          HasSubstr("--enable_latency_logging"), HasSubstr("--predictor_use_ssl")));
}

TEST_F(DeployTest, NoFlagOfKServesServersBecomesAParameter) {
  for (std::string flag : {"http_port",
                           "grpc_port",
                           "workers",
                           "max_threads",
                           "enable_grpc",
                           "max_asyncio_workers",
                           "enable_docs_url",
                           "event-loop",
                           "enable_latency_logging",
                           "protocol",
                           "predictor_host",
                           "configure_logging",
                           "log_config_file",
                           "model_dir",
                           "access_log_format",
                           "event_loop",
                           "timeout-keep-alive",
                           "predictor_protocol",
                           "predictor_use_ssl",
                           "predictor_request_timeout_seconds",
                           "grpc_max_send_message_length",
                           "predictor_request_retries",
                           "enable_predictor_health_check",
                           "grpc_max_receive_message_length"}) {
    Deployment deployment = Deployed(Service(StrCat("args: [--", flag, "=1]")));
    EXPECT_THAT(deployment.config.parameters, IsEmpty()) << flag;
    std::ranges::replace(flag, '-', '_');
    EXPECT_THAT(deployment.warnings, ElementsAre(AllOf(HasSubstr("--" + flag), HasSubstr("has no effect"))));
  }
}

TEST_F(DeployTest, KServesThreadCountIsTheRuntimes) {
  Deployment deployment = Deployed(Service("args: [--nthread=2]", "", "xgboost"));
  EXPECT_THAT(deployment.config.parameters, ElementsAre(Pair("nthread", "2")));
  EXPECT_THAT(Deployed(Service("args: [--nthread, '3']")).config.parameters,
              ElementsAre(Pair("intra_op_threads", "3")));
  Deployment other = Deployed(Service("args: [--nthread=2]", "", "lightgbm"));
  EXPECT_THAT(other.config.parameters, IsEmpty());
  EXPECT_THAT(other.warnings, ElementsAre(AllOf(HasSubstr("--nthread"), HasSubstr("lightgbm"))));
  SetDefaultThreads("xgboost", 7, deployment);
  EXPECT_THAT(deployment.config.parameters, ElementsAre(Pair("nthread", "2"))) << "the model's own counts more";
  deployment.config.parameters.clear();
  SetDefaultThreads("xgboost", 7, deployment);
  EXPECT_THAT(deployment.config.parameters, ElementsAre(Pair("nthread", "7")));
  EXPECT_THAT(deployment.warnings, IsEmpty());
}

TEST_F(DeployTest, TlsIsNotIgnored) {
  for (const char* flag : {"--ssl_certfile=/x", "--ssl-keyfile=/x"}) {
    EXPECT_THAT(Error(Service(StrCat("args: ['", flag, "']"))), AllOf(HasSubstr("UNIMPLEMENTED"), HasSubstr("TLS")));
  }
  EXPECT_THAT(Error(Service("env: [{name: KSERVE_TLS_CERT_FILE, value: /x}]")),
              AllOf(HasSubstr("UNIMPLEMENTED"), HasSubstr("KSERVE_TLS_CERT_FILE")));
}

TEST_F(DeployTest, RefusesNamesThatPathsOfTheApiCannotCarry) {
  for (const char* name : {"a b", "a:b", "a/b", "a\tb", ""}) {
    Status status = Deploy(name, "default", root_ + "/iris", defaults_).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << name;
    EXPECT_THAT(status.message(), AllOf(HasSubstr(StrCat("'", name, "'")), HasSubstr("paths")));
  }
  EXPECT_TRUE(Deploy("Iris_v1.2-\xc3\xa9", "default", root_ + "/iris", defaults_).ok());
  EXPECT_THAT(Error(Service("args: ['--model_name=a b']")), HasSubstr("'a b'"));
}

TEST_F(DeployTest, ThreadCountsOfOpenMpAreTheRuntimes) {
  std::string env = "env: [{name: OMP_NUM_THREADS, value: '3'}]";
  EXPECT_THAT(Deployed(Service(env)).config.parameters, ElementsAre(Pair("intra_op_threads", "3")));
  EXPECT_THAT(Deployed(Service(env, "", "xgboost")).config.parameters, ElementsAre(Pair("nthread", "3")));
  Deployment other = Deployed(Service(env, "", "sklearn"));
  EXPECT_THAT(other.config.parameters, IsEmpty());
  EXPECT_THAT(other.warnings, ElementsAre(HasSubstr("OMP_NUM_THREADS")));
}

TEST_F(DeployTest, OfEqualEnvironmentVariablesTheLastCountsAndArgumentsCountMore) {
  resource::InferenceService service = Service();
  service.predictor.model.env = {{"OMP_NUM_THREADS", "3"}, {"OMP_NUM_THREADS", "4"}};
  EXPECT_THAT(Deployed(service).config.parameters, ElementsAre(Pair("intra_op_threads", "4")));
  service.predictor.model.args = {"--intra_op_threads=5"};
  EXPECT_THAT(Deployed(service).config.parameters, ElementsAre(Pair("intra_op_threads", "5")));
}

TEST_F(DeployTest, WarnsOfWhatHasNoEffect) {
  Deployment deployment = Deployed(Service("env: [{name: STORAGE_ROOT, value: x}]\nruntimeVersion: 1.2.3"));
  EXPECT_THAT(deployment.warnings,
              ElementsAre(HasSubstr("STORAGE_ROOT"), AllOf(HasSubstr("runtimeVersion"), HasSubstr("1.2.3"))));
}

TEST_F(DeployTest, ParametersOfTheCommandLineCountMost) {
  defaults_.parameters = {"threads=1", "iris.threads=2", "rose.threads=3", "allow_spinning=a=b"};
  Deployment deployment = Deployed(Service("args: [--threads=9, --other=1]"));
  EXPECT_THAT(deployment.config.parameters,
              ElementsAre(Pair("other", "1"), Pair("threads", "2"), Pair("allow_spinning", "a=b")));
}

TEST_F(DeployTest, OwnParametersAreNotTheRuntimes) {
  defaults_.parameters = {"warm_up=false", "instances=3"};
  Deployment deployment = Deployed(Service());
  EXPECT_FALSE(deployment.config.warm_up);
  EXPECT_EQ(deployment.config.instances, 3);
  EXPECT_THAT(deployment.config.parameters, IsEmpty());
  EXPECT_TRUE(Deployed(Service("args: [--warm-up]")).config.instances == 3);
}

TEST_F(DeployTest, RefusesMalformedArgumentsAndParameters) {
  EXPECT_THAT(Error(Service("args: [threads=2]")), AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("'threads=2'")));
  EXPECT_THAT(Error(Service("args: [--instances=many]")), HasSubstr("'many'"));
  EXPECT_THAT(Error(Service("args: [--instances=0]")), HasSubstr("1 to 1024"));
  EXPECT_THAT(Error(Service("args: [--instances=99999999999999999999]")), HasSubstr("1 to 1024"));
  EXPECT_THAT(Error(Service("args: [--instances]")), HasSubstr("'true'"));
  EXPECT_THAT(Error(Service("args: [--warm_up=maybe]")), HasSubstr("'maybe'"));
  for (const char* parameter : {"threads", "=2", "", "iris.=2"}) {
    defaults_.parameters = {parameter};
    EXPECT_THAT(Error(Service()), AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr(StrCat("'", parameter, "'"))));
  }
}

TEST_F(DeployTest, AModelOfTheCommandLineIsFoundByItsUri) {
  defaults_.storage.base_folder = root_;
  defaults_.parameters = {"iris.threads=2"};
  defaults_.max_in_flight = 5;
  auto deployment = Deploy("iris", "team", "iris/model.onnx", defaults_);
  ASSERT_TRUE(deployment.ok());
  EXPECT_EQ(deployment->config.name, "iris");
  EXPECT_EQ(deployment->config.model_namespace, "team");
  EXPECT_EQ(deployment->config.format, "");
  EXPECT_EQ(deployment->config.path, root_ + "/iris/model.onnx");
  EXPECT_EQ(deployment->config.max_in_flight, 5);
  EXPECT_THAT(deployment->config.parameters, ElementsAre(Pair("threads", "2")));
  EXPECT_EQ(Deploy("rose", "team", "rose", defaults_)->config.unusable.code(), StatusCode::kNotFound);
  defaults_.parameters = {"instances=-1"};
  EXPECT_EQ(Deploy("iris", "team", "iris", defaults_).status().code(), StatusCode::kInvalidArgument);
}

using Arguments = std::vector<std::string>;

TEST(ParseArgumentsTest, ReadsKeysAndValues) {
  auto parsed = ParseArguments({"--a=1", "--b-c", "2", "--d=", "--e", "--f", "-1", "--g=x=y"});
  ASSERT_TRUE(parsed.ok());
  EXPECT_THAT(*parsed, ElementsAre(Pair("a", "1"), Pair("b_c", "2"), Pair("d", ""), Pair("e", "true"), Pair("f", "-1"),
                                   Pair("g", "x=y")));
  EXPECT_THAT(*ParseArguments({}), IsEmpty());
}

TEST(ParseArgumentsTest, RefusesWhatIsNoFlag) {
  for (const Arguments& arguments : {Arguments{"a"}, {"-a=1"}, {"--"}, {"--=1"}, {""}, {"--a", "1", "2"}}) {
    EXPECT_EQ(ParseArguments(arguments).status().code(), StatusCode::kInvalidArgument) << arguments[0];
  }
}

}  // namespace
}  // namespace triune::platform
