#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "resource/manifest.h"

namespace triune::resource {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ManifestFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "triune-manifest-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  std::string Write(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(Path(name)).parent_path());
    std::ofstream(Path(name), std::ios::binary) << text;
    return Path(name);
  }
  static std::string Service(const std::string& name) {
    return "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: " + name +
           "}\nspec: {predictor: {onnx: {storageUri: /m}}}\n";
  }
  static std::vector<std::string> Names(const Manifests& manifests) {
    std::vector<std::string> names;
    for (const InferenceService& service : manifests.inference_services) names.push_back(service.metadata.name);
    return names;
  }
  /// Of the diagnostics, without the folder.
  std::vector<std::string> Texts(const Manifests& manifests) const {
    std::vector<std::string> texts;
    for (const Diagnostic& diagnostic : manifests.diagnostics) {
      std::string text = diagnostic.ToString();
      for (size_t at; (at = text.find(folder_.string())) != std::string::npos;)
        text.replace(at, folder_.string().size(), "$");
      texts.push_back(text);
    }
    return texts;
  }

  fs::path folder_;
};

TEST_F(ManifestFilesTest, ReadsAFolderInTheOrderOfNames) {
  Write("b.yml", Service("second"));
  Write("a.yaml", Service("first"));
  Write("c.json", R"({"apiVersion":"serving.kserve.io/v1beta1","kind":"InferenceService","metadata":{"name":"third"},)"
                  R"("spec":{"predictor":{"onnx":{"storageUri":"/m"}}}})");
  Write("inside/d.yaml", Service("deeper"));
  Write("readme.txt", "not: yaml");
  Write(".hidden.yaml", "not a manifest");
  Manifests manifests = LoadManifests({folder_.string()}, {});
  EXPECT_THAT(Texts(manifests), IsEmpty());
  EXPECT_THAT(Names(manifests), ElementsAre("first", "second", "third"));
  EXPECT_EQ(manifests.inference_services[0].file, Path("a.yaml"));
}

TEST_F(ManifestFilesTest, FollowsLinksAsConfigMapsAreMounted) {
  Write("..data_1/a.yaml", Service("first"));
  fs::create_directory_symlink("..data_1", folder_ / "..data");
  fs::create_symlink("..data/a.yaml", folder_ / "a.yaml");
  Manifests manifests = LoadManifests({folder_.string()}, {});
  EXPECT_THAT(Texts(manifests), IsEmpty());
  EXPECT_THAT(Names(manifests), ElementsAre("first"));
}

TEST_F(ManifestFilesTest, PassesOverModelsBesideManifests) {
  Write("a.yaml", Service("first"));
  Write("model.json", R"({"learner": {"attributes": {}}, "version": [3, 2, 0]})");
  Write("huge.json", "{\"apiVersion\": \"" + std::string(5U << 20U, 'x') + "\"}");
  Manifests manifests = LoadManifests({folder_.string()}, {});
  EXPECT_TRUE(manifests.ok());
  EXPECT_THAT(Names(manifests), ElementsAre("first"));
  EXPECT_THAT(Texts(manifests), ElementsAre("$/huge.json: skipped: larger than 4194304 bytes",
                                            "$/model.json: skipped: holds no Kubernetes objects"));
}

TEST_F(ManifestFilesTest, NamedFilesMustBeManifests) {
  std::string model = Write("model.json", R"({"learner": {}})");
  std::string huge = Write("huge.json", std::string(5U << 20U, ' '));
  Manifests manifests = LoadManifests({model, huge}, {});
  EXPECT_FALSE(manifests.ok());
  EXPECT_THAT(Texts(manifests), ElementsAre("$/model.json:1: apiVersion: missing: every object of a manifest needs it",
                                            "$/model.json:1: kind: missing: every object of a manifest needs it",
                                            "$/huge.json: file is too large: want at most 4194304 bytes"));
}

TEST_F(ManifestFilesTest, SaysWhatIsNotThere) {
  Manifests manifests = LoadManifests({Path("nothing.yaml"), folder_.string()}, {});
  EXPECT_FALSE(manifests.ok());
  EXPECT_THAT(Texts(manifests),
              ElementsAre("$/nothing.yaml: no such file or folder", "$: folder holds no *.yaml, *.yml or *.json"));
}

TEST_F(ManifestFilesTest, RefusesOneNameInTwoFiles) {
  std::string a = Write("a.yaml", Service("same"));
  std::string b = Write("b.yaml", "\n\n" + Service("same"));
  Manifests manifests = LoadManifests({a, b}, {});
  EXPECT_THAT(Texts(manifests), ElementsAre("$/b.yaml:3: metadata.name: InferenceService is defined twice: got "
                                            "default/same again, first in $/a.yaml:1"));
  EXPECT_THAT(Names(manifests), ElementsAre("same"));
}

TEST_F(ManifestFilesTest, PutsServicesIntoTheDefaultNamespaceOfTheOptions) {
  Manifests manifests = LoadManifests({Write("a.yaml", Service("a"))}, {.default_namespace = "prod"});
  EXPECT_EQ(manifests.inference_services.at(0).metadata.namespace_, "prod");
}

}  // namespace
}  // namespace triune::resource
