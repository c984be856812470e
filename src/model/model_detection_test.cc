#include "model/model_detection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "model/file_pattern.h"

namespace triune::model {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

constexpr const char* kNetFormats[] = {"net", nullptr};
constexpr const char* kNetFiles[] = {"model.net", "*.net", nullptr};
constexpr const char* kTreeFormats[] = {"tree", "forest", nullptr};
constexpr const char* kTreeFiles[] = {"model.bst", "model.json", "*.json", nullptr};

int ProbeTree(const char* path) {
  std::ifstream file(path);
  std::string text;
  std::getline(file, text);
  return text == "tree" || std::string_view(path).ends_with(".bst") ? 1 : 0;
}

triune_runtime_plugin Plugin(const char* const* formats, const char* const* files, int (*probe)(const char*)) {
  triune_runtime_plugin plugin{};
  plugin.formats = formats;
  plugin.model_files = files;
  plugin.model_probe = probe;
  return plugin;
}
const triune_runtime_plugin kNet = Plugin(kNetFormats, kNetFiles, nullptr);
const triune_runtime_plugin kTree = Plugin(kTreeFormats, kTreeFiles, &ProbeTree);
const triune_runtime_plugin* const kPlugins[] = {&kNet, &kTree};

class DetectModelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "triune-detect-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string Make(const std::string& name, const std::string& text = "") {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text << "\n";
    return root_ / name;
  }
  Result<DetectedModel> Detect(const std::string& name = "", std::string_view format = "") {
    return DetectModel(kPlugins, name.empty() ? root_.string() : (root_ / name).string(), format);
  }
  void ExpectModel(const Result<DetectedModel>& model, const std::string& name, const std::string& format) {
    ASSERT_TRUE(model.ok()) << model.status().ToString();
    EXPECT_EQ(model->path, root_ / name);
    EXPECT_EQ(model->format, format);
  }

  fs::path root_;
};

TEST_F(DetectModelTest, KnowsAFileByItsName) {
  Make("x.net");
  ExpectModel(Detect("x.net"), "x.net", "net");
}

TEST_F(DetectModelTest, KnowsAFileByItsContentWhereTheNameIsNotEnough) {
  Make("a.json", "tree");
  Make("b.json", "{}");
  ExpectModel(Detect("a.json"), "a.json", "tree");
  EXPECT_EQ(Detect("b.json").status().code(), StatusCode::kInvalidArgument);
  ExpectModel(Detect(), "a.json", "tree");
}

TEST_F(DetectModelTest, TakesAFileAsTheFormatThatIsNamed) {
  Make("no_suffix");
  ExpectModel(Detect("no_suffix", "forest"), "no_suffix", "forest");
}

TEST_F(DetectModelTest, PrefersTheNamesThatComeFirst) {
  Make("other.net");
  Make("model.net");
  Make(".hidden.net");
  ExpectModel(Detect(), "model.net", "net");
}

TEST_F(DetectModelTest, RefusesToChooseAmongNamesThatSayNothing) {
  Make("b.net");
  Make("a.net");
  Status status = Detect().status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr("more than one model file"), HasSubstr("/a.net (net), "), HasSubstr("/b.net (net)")));
  ExpectModel(Detect("b.net"), "b.net", "net");
  Make("c.json", "tree");
  EXPECT_THAT(Detect().status().message(), AllOf(HasSubstr("name the format"), HasSubstr("/c.json (tree)")));
  EXPECT_THAT(Detect("", "net").status().message(), HasSubstr("more than one model file"));
  ExpectModel(Detect("", "forest"), "c.json", "forest");
  Make("model.json", "tree");
  ExpectModel(Detect(), "model.json", "tree");
  Make("1/a.net");
  Make("2/a.net");
  Make("2/b.net");
  for (const char* name : {"a.net", "b.net", "c.json", "model.json"}) fs::remove(root_ / name);
  EXPECT_THAT(Detect().status().message(), HasSubstr("/2/b.net"));
}

TEST_F(DetectModelTest, LooksOnlyForTheNamedFormatInAFolder) {
  Make("model.net");
  Make("model.bst");
  ExpectModel(Detect("", "tree"), "model.bst", "tree");
  ExpectModel(Detect("", "net"), "model.net", "net");
  Status status = Detect().status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("model.net (net)"), HasSubstr("model.bst (tree)")));
}

TEST_F(DetectModelTest, TakesTheHighestVersionOfNumberedFolders) {
  Make("2/model.net");
  Make("10/model.net");
  Make("9a/model.net");
  ExpectModel(Detect(), "10/model.net", "net");
}

TEST_F(DetectModelTest, PrefersAModelInTheFolderItselfToNumberedFolders) {
  Make("model.net");
  Make("1/model.net");
  ExpectModel(Detect(), "model.net", "net");
}

TEST_F(DetectModelTest, SaysWhatItFoundAndWhatItKnows) {
  Make("weights.bin");
  Make("notes/readme.md");
  Status status = Detect().status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("got notes/, weights.bin"), HasSubstr("net: model.net *.net"),
                                      HasSubstr("tree: model.bst")));
  EXPECT_THAT(Detect("", "net").status().message(), Not(HasSubstr("model.bst")));
  Make("3/weights.bin");
  EXPECT_THAT(Detect().status().message(), AllOf(HasSubstr("/3: got weights.bin")));
}

TEST_F(DetectModelTest, SaysThatThereIsNothing) {
  EXPECT_EQ(Detect("missing").status().code(), StatusCode::kNotFound);
  EXPECT_THAT(Detect().status().message(), HasSubstr("got no files"));
}

TEST_F(DetectModelTest, GlobPutsHigherVersionsFirst) {
  for (const char* name : {"lib.so.1.9.0", "lib.so.1.32.0", "lib.so", "lib.so.1"}) Make(name);
  std::string prefix = root_.string() + "/lib.so";
  EXPECT_THAT(Glob(root_, "lib.so*"), ElementsAre(prefix + ".1.32.0", prefix + ".1.9.0", prefix + ".1", prefix));
  Make("[x]/lib.so");
  EXPECT_EQ(Glob(root_.string() + "/[x]", "lib.so*").size(), 1U);
}

}  // namespace
}  // namespace triune::model
