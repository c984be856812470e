#include "cli/serve_models.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "model/model_detection.h"
#include "serving/testing/fake_model.h"

namespace triune::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

constexpr const char* kFormats[] = {"net", nullptr};
constexpr const char* kFiles[] = {"model.net", "*.net", nullptr};

/// A plug-in as far as the detection of models looks at it.
triune_runtime_plugin Plugin() {
  triune_runtime_plugin plugin{};
  plugin.formats = kFormats;
  plugin.model_files = kFiles;
  return plugin;
}

constexpr const char* kManifest =
    "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: NAME}\n"
    "spec: {predictor: {model: {modelFormat: {name: net}, storageUri: models/iris}}}\n";

/// A folder with models/iris/model.net, models/plain.net, models/1.5/model.net.
class ModelsToServeTest : public ::testing::Test {
 protected:
  ModelsToServeTest()
      : runtimes_(nullptr, [this](const std::string& path, std::string_view format) {
          const triune_runtime_plugin* plugins[] = {&plugin_};
          return model::DetectModel(plugins, path, format);
        }) {}

  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "triune-serve-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = fs::canonical(pattern).string();
    for (const char* name : {"models/iris/model.net", "models/plain.net", "models/1.5/model.net"}) Write(name, "x");
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string Write(const std::string& name, const std::string& text) const {
    std::string path = root_ + "/" + name;
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << text;
    return path;
  }
  std::string WriteManifest(const std::string& file, const std::string& name) const {
    std::string text = kManifest;
    text.replace(text.find("NAME"), 4, name);
    return Write(file, text);
  }

  /// "namespace/name path" of each model; paths below the folder start with "$".
  std::vector<std::string> Models() {
    auto configs = ModelsToServe(options_, runtimes_);
    EXPECT_TRUE(configs.ok()) << configs.status().ToString();
    std::vector<std::string> models;
    if (!configs.ok()) return models;
    configs_ = *std::move(configs);
    for (const serving::ModelConfig& config : configs_) {
      std::string path = config.path.starts_with(root_) ? "$" + config.path.substr(root_.size()) : config.path;
      models.push_back(StrCat(config.model_namespace, "/", config.name, " ", path));
    }
    return models;
  }
  /// The error, and what was printed before it.
  std::string Error() {
    ::testing::internal::CaptureStderr();
    auto configs = ModelsToServe(options_, runtimes_);
    std::string printed = ::testing::internal::GetCapturedStderr();
    return printed + configs.status().ToString();
  }

  const triune_runtime_plugin plugin_ = Plugin();
  serving::testing::FakeRuntimes runtimes_;
  std::string root_;
  ServeOptions options_;
  std::vector<serving::ModelConfig> configs_;
};

TEST_F(ModelsToServeTest, ANameAndAUri) {
  options_.models = {"flower=" + root_ + "/models/iris", "second=file://" + root_ + "/models/plain.net"};
  EXPECT_THAT(Models(), ElementsAre("default/flower $/models/iris", "default/second $/models/plain.net"));
  EXPECT_TRUE(configs_[0].unusable.ok());
  EXPECT_EQ(configs_[0].format, "") << "found out when it is loaded";
}

TEST_F(ModelsToServeTest, ANamedModelThatIsNotThereIsServedAsFailed) {
  options_.models = {"flower=" + root_ + "/models/rose"};
  EXPECT_THAT(Models(), ElementsAre("default/flower $/models/rose"));
  EXPECT_EQ(configs_[0].unusable.code(), StatusCode::kNotFound);
}

TEST_F(ModelsToServeTest, TheNamespaceIsForModelsWithoutOne) {
  options_.model_namespace = "team";
  options_.models = {"flower=" + root_ + "/models/iris", WriteManifest("m.yaml", "from-manifest")};
  EXPECT_THAT(Models(), ElementsAre("team/flower $/models/iris", "team/from-manifest $/models/iris"));
}

TEST_F(ModelsToServeTest, AModelAloneIsNamedAfterItsFileOrFolder) {
  options_.models = {root_ + "/models/plain.net", root_ + "/models/iris", root_ + "/models/iris/",
                     root_ + "/models/iris/model.net", root_ + "/models/1.5"};
  EXPECT_THAT(Models(), ElementsAre("default/plain $/models/plain.net", "default/iris $/models/iris",
                                    "default/iris $/models/iris", "default/iris $/models/iris/model.net",
                                    "default/1.5 $/models/1.5"));
}

TEST_F(ModelsToServeTest, AFolderOfManifests) {
  WriteManifest("services/b.yaml", "second");
  WriteManifest("services/a.yml", "first");
  Write("services/model.net", "x");
  fs::copy(root_ + "/models", root_ + "/services/models", fs::copy_options::recursive);
  options_.models = {root_ + "/services"};
  EXPECT_THAT(Models(), ElementsAre("default/first $/services/models/iris", "default/second $/services/models/iris"))
      << "where there are manifests, the folder itself is no model";
}

TEST_F(ModelsToServeTest, ClaimsAreMappedByPvc) {
  options_.pvc = {"claim=" + root_ + "/models"};
  options_.models = {"flower=pvc://claim/iris"};
  EXPECT_THAT(Models(), ElementsAre("default/flower $/models/iris"));
  for (const char* wrong : {"claim", "=folder", "claim="}) {
    options_.pvc = {wrong};
    EXPECT_THAT(Error(), AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("--pvc"), HasSubstr(StrCat("'", wrong, "'"))));
  }
}

TEST_F(ModelsToServeTest, TheArgumentsOfKServesContainers) {
  options_.model_dir = root_ + "/models/iris";
  EXPECT_THAT(Models(), ElementsAre("default/model $/models/iris"));
  options_.model_name = "flower";
  EXPECT_THAT(Models(), ElementsAre("default/flower $/models/iris"));
  options_.models = {"second=" + root_ + "/models/plain.net"};
  EXPECT_THAT(Models(), ElementsAre("default/second $/models/plain.net", "default/flower $/models/iris"));
}

TEST_F(ModelsToServeTest, AModelNameNeedsAModel) {
  options_.model_name = "flower";
  options_.models = {"second=" + root_ + "/models/plain.net"};
  EXPECT_THAT(Error(), AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("--model-name")));
}

TEST_F(ModelsToServeTest, ParametersReachTheModelsTheyAreFor) {
  options_.models = {"a=" + root_ + "/models/iris", "b=" + root_ + "/models/iris"};
  options_.parameters = {"threads=1", "b.threads=2"};
  options_.max_in_flight = 9;
  EXPECT_EQ(Models().size(), 2U);
  EXPECT_THAT(configs_[0].parameters, ElementsAre(Pair("threads", "1")));
  EXPECT_THAT(configs_[1].parameters, ElementsAre(Pair("threads", "2")));
  EXPECT_EQ(configs_[0].max_in_flight, 9);
}

TEST_F(ModelsToServeTest, AParameterForAModelThatIsNotThereIsAnError) {
  options_.models = {"iris=" + root_ + "/models/iris"};
  options_.parameters = {"irsi.threads=2"};
  EXPECT_THAT(Error(), AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("'irsi'")));
}

TEST_F(ModelsToServeTest, AMalformedParameterIsAnError) {
  options_.models = {"iris=" + root_ + "/models/iris"};
  options_.parameters = {"threads"};
  EXPECT_THAT(Error(), AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("'threads'")));
}

TEST_F(ModelsToServeTest, AManifestWithAnErrorServesNothingAndSaysWhere) {
  options_.models = {"good=" + root_ + "/models/iris", Write("bad.yaml",
                                                             "apiVersion: serving.kserve.io/v1beta1\n"
                                                             "kind: InferenceService\n"
                                                             "metadata: {name: bad}\n"
                                                             "spec: {predictor: {}}\n")};
  EXPECT_THAT(Error(), AllOf(HasSubstr("bad.yaml:4"), HasSubstr("INVALID_ARGUMENT")));
}

TEST_F(ModelsToServeTest, AWrongArgumentInAManifestSaysWhere) {
  std::string text = kManifest;
  text.replace(text.find("models/iris"), 11, "models/iris, args: [threads]");
  text.replace(text.find("NAME"), 4, "iris");
  options_.models = {Write("m.yaml", text)};
  EXPECT_THAT(Error(), AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("m.yaml:1"), HasSubstr("'threads'")));
}

TEST_F(ModelsToServeTest, StrictMakesUnknownFieldsErrors) {
  std::string text = kManifest;
  text.replace(text.find("NAME"), 4, "iris");
  text.replace(text.find("storageUri"), 0, "storageURI: x, ");
  options_.models = {Write("m.yaml", text)};
  EXPECT_THAT(Models(), ElementsAre("default/iris $/models/iris"));
  options_.strict = true;
  EXPECT_THAT(Error(), AllOf(HasSubstr("m.yaml:4"), HasSubstr("storageURI"), HasSubstr("INVALID_ARGUMENT")));
}

TEST_F(ModelsToServeTest, StrictMakesWhatHasNoEffectErrors) {
  for (const char* field : {"runtimeVersion: '1'", "env: [{name: A, value: b}]", "args: [--workers=2]",
                            "args: [--http_port=80]", "protocolVersion: grpc-v1"}) {
    std::string text = kManifest;
    text.replace(text.find("NAME"), 4, "iris");
    text.replace(text.find("storageUri"), 0, StrCat(field, ", "));
    options_.models = {Write("m.yaml", text)};
    options_.strict = false;
    EXPECT_THAT(Models(), ElementsAre("default/iris $/models/iris"));
    options_.strict = true;
    EXPECT_THAT(Error(), AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("m.yaml:"))) << field;
  }
  for (const char* protocol : {"v1", "v2", "grpc-v2"}) {
    std::string text = kManifest;
    text.replace(text.find("NAME"), 4, "iris");
    text.replace(text.find("storageUri"), 0, StrCat("protocolVersion: ", protocol, ", "));
    options_.models = {Write("m.yaml", text)};
    EXPECT_THAT(Models(), ElementsAre("default/iris $/models/iris"));
  }
}

TEST_F(ModelsToServeTest, APathThatIsNotThereIsAnError) {
  options_.models = {root_ + "/nothing"};
  EXPECT_THAT(Error(),
              AllOf(HasSubstr("NOT_FOUND"), HasSubstr("/nothing: no such file or folder"), Not(HasSubstr("manifest"))));
  options_.models = {"file://" + root_ + "/nothing/model.net"};
  EXPECT_THAT(Error(), AllOf(HasSubstr("NOT_FOUND"), HasSubstr("/nothing/model.net"), Not(HasSubstr("manifest"))));
}

TEST_F(ModelsToServeTest, AUriAloneIsNamedAfterItsFileOrFolder) {
  options_.pvc = {"claim=" + root_};
  options_.models = {"file://" + root_ + "/models/plain.net", "file://" + root_ + "/models/iris/model.net",
                     "pvc://claim/models/1.5"};
  EXPECT_THAT(Models(), ElementsAre("default/plain $/models/plain.net", "default/iris $/models/iris/model.net",
                                    "default/1.5 $/models/1.5"));
  options_.models = {"file://" + WriteManifest("m.yaml", "from-manifest")};
  EXPECT_THAT(Models(), ElementsAre("default/from-manifest $/models/iris"));
}

TEST_F(ModelsToServeTest, AUriOfAnotherSchemeIsNotSupportedYet) {
  options_.models = {"s3://bucket/iris.net"};
  EXPECT_THAT(Error(), AllOf(HasSubstr("UNIMPLEMENTED"), HasSubstr("s3://bucket/iris.net"),
                             HasSubstr("not supported yet: got s3")));
}

TEST_F(ModelsToServeTest, ANameThatNoPathCanCarryIsAnError) {
  options_.models = {Write("my iris.net", "x")};
  EXPECT_THAT(Error(), AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("'my iris'"), HasSubstr("blanks")));
  options_.models = {"a:b=" + root_ + "/models/iris"};
  EXPECT_THAT(Error(), AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("'a:b'")));
}

TEST_F(ModelsToServeTest, AFolderOfSeveralModelsIsAnErrorThatNamesThem) {
  Write("both/a.net", "x");
  Write("both/b.net", "x");
  options_.models = {root_ + "/both"};
  EXPECT_THAT(Error(), AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("/both/a.net"), HasSubstr("/both/b.net")));
}

TEST_F(ModelsToServeTest, ThreadsForAllAreThoseOfTheRuntime) {
  options_.nthread = 3;
  options_.models = {"a=" + root_ + "/models/iris", WriteManifest("m.yaml", "b")};
  EXPECT_EQ(Models().size(), 2U);
  for (const auto& config : configs_) EXPECT_TRUE(config.parameters.empty()) << "net has no such parameter";
  options_.strict = true;
  EXPECT_THAT(Error(), AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("triune: a: "), HasSubstr("--nthread")));
}

TEST_F(ModelsToServeTest, AFileOfNoKnownFormatIsAnErrorThatSaysWhatIsKnown) {
  options_.models = {Write("weights.bin", std::string("\x01\x02\x00\x03", 4))};
  EXPECT_THAT(Error(), AllOf(HasSubstr("weights.bin"), HasSubstr("*.net"), HasSubstr("INVALID_ARGUMENT")));
  fs::create_directory(root_ + "/empty");
  options_.models = {root_ + "/empty"};
  EXPECT_THAT(Error(), AllOf(HasSubstr("/empty"), HasSubstr("*.net"), HasSubstr("INVALID_ARGUMENT")));
}

TEST_F(ModelsToServeTest, AManifestWithoutServicesIsAnError) {
  options_.models = {Write("m.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")};
  EXPECT_THAT(Error(), HasSubstr("no InferenceService"));
}

TEST(NamesModelsTest, NeedsAnArgumentThatNamesOne) {
  ServeOptions options;
  options.models = {"x"};
  EXPECT_TRUE(NamesModels(options));
  options.models.clear();
  options.model_dir = "x";
  EXPECT_TRUE(NamesModels(options));
  options.model_dir.clear();
  EXPECT_EQ(NamesModels(options), fs::is_directory("/mnt/models"));
}

}  // namespace
}  // namespace triune::cli
