#include "storage/model_location.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace triune::storage {
namespace {

namespace fs = std::filesystem;

/// A folder with `models/iris/model.onnx`, `models/my iris.onnx` and `secret/key`; the claim "data" is `models`.
class ModelLocationTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "triune-storage-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = fs::canonical(pattern).string();
    Write("models/iris/model.onnx");
    Write("models/my iris.onnx");
    Write("secret/key");
    options_.base_folder = root_;
    options_.pvc_folders["data"] = root_ + "/models";
  }
  void TearDown() override { fs::remove_all(root_); }

  void Write(const std::string& name) const {
    fs::create_directories(fs::path(root_ + "/" + name).parent_path());
    std::ofstream(root_ + "/" + name) << "x";
  }
  void Link(const std::string& target, const std::string& name) const {
    fs::create_symlink(target, root_ + "/" + name);
  }
  /// The path below the folder, or the code.
  std::string Resolve(const std::string& uri) const {
    auto path = ResolveModelUri(uri, options_);
    if (!path.ok()) return std::string(StatusCodeName(path.status().code()));
    return path->starts_with(root_) ? path->substr(root_.size()) : "outside: " + *path;
  }
  /// The message, with "$" for the folder.
  std::string Message(const std::string& uri) const {
    auto path = ResolveModelUri(uri, options_);
    std::string text(path.status().message());
    for (size_t at; (at = text.find(root_)) != std::string::npos;) text.replace(at, root_.size(), "$");
    return text;
  }

  std::string root_;
  StorageOptions options_;
};

TEST_F(ModelLocationTest, PlainPathsAreAbsoluteOrBelowTheBaseFolder) {
  EXPECT_EQ(Resolve(root_ + "/models/iris/model.onnx"), "/models/iris/model.onnx");
  EXPECT_EQ(Resolve("models/iris/model.onnx"), "/models/iris/model.onnx");
  EXPECT_EQ(Resolve("./models/iris"), "/models/iris");
  EXPECT_EQ(Resolve("models//iris/"), "/models/iris");
  EXPECT_EQ(Resolve("models/../models/iris"), "/models/iris");
  EXPECT_EQ(Resolve("models/my iris.onnx"), "/models/my iris.onnx");
  // Percent signs of a plain path are what they are.
  EXPECT_EQ(Resolve("models/my%20iris.onnx"), "NOT_FOUND");
}

TEST_F(ModelLocationTest, RelativePathsStartInTheWorkingFolderWithoutABase) {
  options_.base_folder.clear();
  std::string before = fs::current_path().string();
  fs::current_path(root_);
  EXPECT_EQ(Resolve("models/iris"), "/models/iris");
  fs::current_path(before);
}

TEST_F(ModelLocationTest, FileUrisAreDecoded) {
  EXPECT_EQ(Resolve("file://" + root_ + "/models/iris"), "/models/iris");
  EXPECT_EQ(Resolve("file://localhost" + root_ + "/models/iris/"), "/models/iris");
  EXPECT_EQ(Resolve("FILE://LocalHost" + root_ + "/models/iris"), "/models/iris");
  EXPECT_EQ(Resolve("file:" + root_ + "/models/iris"), "/models/iris");
  EXPECT_EQ(Resolve("file://" + root_ + "/models/my%20iris.onnx"), "/models/my iris.onnx");
  EXPECT_EQ(Resolve("file://" + root_ + "/models/my iris%2eonnx"), "/models/my iris.onnx");
  EXPECT_EQ(Resolve("file:///"), "outside: /");
}

TEST_F(ModelLocationTest, MalformedUrisAreRefused) {
  EXPECT_EQ(Message(""), "model URI is empty");
  EXPECT_EQ(Message(std::string("a\0b", 3)), "model URI has a NUL byte in it");
  EXPECT_EQ(Message("file://other/models/iris"),
            "file URI names another host: got other in file://other/models/iris, want file:///absolute/path");
  EXPECT_EQ(Message("file://"), "file URI has no path: got file://, want file:///absolute/path");
  EXPECT_EQ(Message("file:///a%2"), "percent sign without two hex digits (write %25 for %): /a%2");
  EXPECT_EQ(Message("file:///a%zz"), "percent sign without two hex digits (write %25 for %): /a%zz");
  EXPECT_EQ(Message("file:///a%00b"), "file URI has a NUL byte in it: file:///a%00b");
  EXPECT_EQ(Message("pvc://"), "pvc URI has no claim: got pvc://, want pvc://CLAIM/path");
  for (const char* uri : {"", "file://other/x", "file://", "file:///a%2", "file:///a%00b", "pvc:///x"}) {
    EXPECT_EQ(Resolve(uri), "INVALID_ARGUMENT") << uri;
  }
}

TEST_F(ModelLocationTest, MissingFilesNameThePathLookedAt) {
  EXPECT_EQ(Resolve("models/nothing"), "NOT_FOUND");
  EXPECT_EQ(Message("models/nothing"), "no such file or folder: $/models/nothing");
  EXPECT_EQ(Message("models/iris/model.onnx/x"), "no such file or folder: $/models/iris/model.onnx/x");
  EXPECT_EQ(Message("pvc://data/no/thing"), "no such file or folder: $/models/no/thing");
  Link("nowhere", "models/dangling");
  EXPECT_EQ(Resolve("models/dangling"), "NOT_FOUND");
  EXPECT_EQ(Resolve("pvc://data/dangling"), "NOT_FOUND");
}

TEST_F(ModelLocationTest, OnlyFilesAndFoldersAreModels) {
  ASSERT_EQ(mkfifo((root_ + "/models/pipe").c_str(), 0600), 0);
  EXPECT_EQ(Message("models/pipe"), "neither a file nor a folder: $/models/pipe");
  EXPECT_EQ(Message("pvc://data/pipe"), "neither a file nor a folder: $/models/pipe");
  Link("loop", "loop");
  EXPECT_EQ(Resolve("loop"), "INVALID_ARGUMENT");
  EXPECT_EQ(Resolve(std::string(5000, 'a')), "INVALID_ARGUMENT");
}

TEST_F(ModelLocationTest, ClaimsStandForFolders) {
  EXPECT_EQ(Resolve("pvc://data/iris/model.onnx"), "/models/iris/model.onnx");
  EXPECT_EQ(Resolve("pvc://data/iris/"), "/models/iris");
  EXPECT_EQ(Resolve("pvc://data//iris"), "/models/iris");
  EXPECT_EQ(Resolve("pvc://data/iris/../my iris.onnx"), "/models/my iris.onnx");
  EXPECT_EQ(Resolve("pvc://data"), "/models");
  EXPECT_EQ(Resolve("pvc://data/"), "/models");
}

TEST_F(ModelLocationTest, UnknownClaimsNameTheKnownOnes) {
  EXPECT_EQ(Resolve("pvc://other/iris"), "FAILED_PRECONDITION");
  EXPECT_EQ(Message("pvc://other/iris"), "persistent volume claim has no folder on this machine: got other, have data");
  options_.pvc_folders.clear();
  EXPECT_EQ(Message("pvc://other/iris"), "persistent volume claim has no folder on this machine: got other, have none");
  options_.pvc_folders["gone"] = root_ + "/gone";
  EXPECT_EQ(Message("pvc://gone/iris"), "folder of the claim: no such file or folder: $/gone");
}

TEST_F(ModelLocationTest, NothingLeadsOutOfAClaim) {
  Link("../secret", "models/to_folder");
  Link("../secret/key", "models/to_file");
  Link(root_, "models/to_root");
  Write("models-of-others/x");
  Link("../models-of-others", "models/to_sibling");
  for (const char* uri : {"pvc://data/../secret/key", "pvc://data/..", "pvc://data/iris/../../secret/key",
                          "pvc://data/../models-of-others/x", "pvc://data/to_folder/key", "pvc://data/to_folder",
                          "pvc://data/to_file", "pvc://data/to_root/secret/key", "pvc://data/to_sibling/x"}) {
    EXPECT_EQ(Resolve(uri), "PERMISSION_DENIED") << uri;
  }
  // Also not by what a claim is called, or by an absolute path.
  EXPECT_EQ(Resolve("pvc://../secret/key"), "FAILED_PRECONDITION");
  EXPECT_EQ(Resolve("pvc://data/" + root_ + "/secret/key"), "NOT_FOUND");
  EXPECT_EQ(Message("pvc://data/../secret/key"), "path leads out of the folder of its claim: got ../secret/key");
}

TEST_F(ModelLocationTest, LinksInsideAModelFolderStayInTheClaimToo) {
  Link("../my iris.onnx", "models/iris/inside.onnx");
  Link("nowhere", "models/iris/dangling");
  EXPECT_EQ(Resolve("pvc://data/iris"), "/models/iris");
  Link("../../secret/key", "models/iris/model.bst");
  EXPECT_EQ(Resolve("pvc://data/iris"), "PERMISSION_DENIED");
  EXPECT_EQ(Message("pvc://data/iris"), "path leads out of the folder of its claim: got $/models/iris/model.bst");
  // Plain paths are the user's own, who may link as they like.
  EXPECT_EQ(Resolve("models/iris"), "/models/iris");
}

TEST_F(ModelLocationTest, LinksInsideAClaimAreFollowed) {
  Link("iris", "models/current");
  EXPECT_EQ(Resolve("pvc://data/current/model.onnx"), "/models/iris/model.onnx");
  Link("models", "mounted");
  options_.pvc_folders["linked"] = root_ + "/mounted";
  EXPECT_EQ(Resolve("pvc://linked/iris"), "/models/iris");
}

TEST_F(ModelLocationTest, ForbiddenFoldersSaySo) {
  if (geteuid() == 0) GTEST_SKIP() << "root may look everywhere";
  fs::permissions(root_ + "/secret", fs::perms::none);
  EXPECT_EQ(Resolve("secret/key"), "PERMISSION_DENIED");
  fs::permissions(root_ + "/secret", fs::perms::owner_all);
}

TEST_F(ModelLocationTest, OtherSchemesAreNamed) {
  for (const char* uri : {"s3://bucket/x", "gs://bucket/x", "https://host/x", "hf://owner/model", "oci://x"}) {
    EXPECT_EQ(Resolve(uri), "UNIMPLEMENTED") << uri;
  }
  EXPECT_EQ(Message("S3://bucket/x"),
            "scheme of the model URI is not supported yet: got s3, want file, pvc or a plain path");
  // No scheme: a colon in a file's name, or something that is no word before it.
  EXPECT_EQ(Resolve("model:v1"), "NOT_FOUND");
  EXPECT_EQ(Resolve("1a://x"), "NOT_FOUND");
  EXPECT_EQ(Resolve("://x"), "NOT_FOUND");
}

}  // namespace
}  // namespace triune::storage
