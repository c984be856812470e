#include "cli/runtime_install.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "cli/child_process.h"

namespace triune::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr const char* kWheel = "triune_fake_runtime-1.5-py3-none-any.whl";

/// An environment variable, put back afterwards.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const std::string& value) : name_(name) {
    if (const char* before = getenv(name); before != nullptr) before_ = before;
    setenv(name, value.c_str(), 1);
  }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;
  ~ScopedVariable() { before_ ? setenv(name_, before_->c_str(), 1) : unsetenv(name_); }

 private:
  const char* name_;
  std::optional<std::string> before_;
};

/// pip is pointed to a folder with one wheel that the test makes: nothing is fetched from anywhere.
class RuntimeInstallTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "triune-install-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
    fs::create_directories(root_ / "tree/fake/lib");
    fs::create_directories(root_ / "tree/triune_fake_runtime-1.5.dist-info");
    Write("tree/fake/lib/libfake.so.1.5", "a library");
    Write("tree/triune_fake_runtime-1.5.dist-info/METADATA",
          "Metadata-Version: 2.1\nName: triune-fake-runtime\nVersion: 1.5\n");
    Write("tree/triune_fake_runtime-1.5.dist-info/WHEEL",
          "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n");
    Write("tree/triune_fake_runtime-1.5.dist-info/RECORD", "");
    fs::create_directories(root_ / "wheels");
    std::string wheel = root_ / "wheels" / kWheel;
    Status zipped = RunChild({"python3", "-m", "zipfile", "-c", wheel, (root_ / "tree/fake").string(),
                              (root_ / "tree/triune_fake_runtime-1.5.dist-info").string()});
    ASSERT_TRUE(zipped.ok()) << zipped.ToString();
    runtime_ = {"fake",
                "triune-fake-runtime",
                "1.5",
                "fake/lib/libfake.so.1.5",
                {{std::string(ThisPlatform()), kWheel, *Sha256OfFile(wheel)}}};
  }
  void TearDown() override { fs::remove_all(root_); }

  void Write(const std::string& name, const std::string& text) { std::ofstream(root_ / name) << text; }
  Result<InstalledRuntime> Install() {
    ScopedVariable no_index("PIP_NO_INDEX", "1");
    ScopedVariable find_links("PIP_FIND_LINKS", root_ / "wheels");
    steps_.clear();
    return InstallRuntime(runtime_, root_ / "user", [this](std::string_view step) { steps_.emplace_back(step); });
  }
  /// What an installation leaves, hidden files too.
  std::vector<std::string> Leftovers() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(root_ / "user/fake")) names.push_back(entry.path().filename());
    return names;
  }

  fs::path root_;
  PinnedRuntime runtime_;
  std::vector<std::string> steps_;
};

TEST_F(RuntimeInstallTest, PutsTheWheelIntoTheUsersFolderOnce) {
  Result<InstalledRuntime> installed = Install();
  ASSERT_TRUE(installed.ok()) << installed.status().ToString();
  EXPECT_FALSE(installed->was_there_before);
  EXPECT_EQ(installed->library, root_ / "user/fake/1.5/fake/lib/libfake.so.1.5");
  EXPECT_TRUE(fs::is_regular_file(installed->library));
  EXPECT_THAT(steps_, ElementsAre(HasSubstr("fetching"), HasSubstr("verifying"), HasSubstr("unpacking")));
  EXPECT_THAT(Leftovers(), ElementsAre("1.5"));

  fs::remove_all(root_ / "wheels");
  Result<InstalledRuntime> again = Install();
  ASSERT_TRUE(again.ok()) << again.status().ToString();
  EXPECT_TRUE(again->was_there_before);
  EXPECT_TRUE(steps_.empty());
}

TEST_F(RuntimeInstallTest, UnpacksNothingWhoseHashDiffers) {
  std::string right = runtime_.wheels[0].sha256;
  std::string wrong(64, '0');
  runtime_.wheels[0].sha256 = wrong;
  Status status = Install().status();
  EXPECT_EQ(status.code(), StatusCode::kInternal);
  EXPECT_THAT(status.message(), AllOf(HasSubstr(kWheel), HasSubstr(right), HasSubstr(wrong)));
  EXPECT_THAT(steps_, ElementsAre(HasSubstr("fetching"), HasSubstr("verifying")));
  EXPECT_THAT(Leftovers(), ElementsAre());
}

TEST_F(RuntimeInstallTest, SaysWhatPipSaysWhenThePackageIsNotThere) {
  fs::remove_all(root_ / "wheels");
  fs::create_directories(root_ / "wheels");
  Status status = Install().status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("triune-fake-runtime==1.5"), HasSubstr("No matching distribution")));
  EXPECT_THAT(Leftovers(), ElementsAre());
}

TEST_F(RuntimeInstallTest, SaysThatPythonIsMissing) {
  ScopedVariable path("PATH", root_ / "nothing");
  Status status = Install().status();
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("python3 with pip is needed"));
}

TEST_F(RuntimeInstallTest, RefusesAWheelWithoutTheLibrary) {
  runtime_.library = "fake/lib/other.so";
  EXPECT_THAT(std::string(Install().status().message()), HasSubstr("fake/lib/other.so"));
  EXPECT_THAT(Leftovers(), ElementsAre());
}

TEST_F(RuntimeInstallTest, SaysThatThereIsNoWheelForThisMachine) {
  runtime_.wheels[0].platform = "linux-other";
  EXPECT_EQ(Install().status().code(), StatusCode::kUnimplemented);
}

TEST_F(RuntimeInstallTest, SaysThatTheFolderCannotBeMade) {
  Write("user", "a file where the folder should be");
  Status status = Install().status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("can't make"));
}

TEST(Sha256OfFileTest, IsThatOfTheStandard) {
  fs::path file = fs::temp_directory_path() / ("triune-sha256-" + std::to_string(getpid()));
  std::ofstream(file) << "abc";
  EXPECT_EQ(*Sha256OfFile(file), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  fs::remove(file);
  EXPECT_EQ(Sha256OfFile(file).status().code(), StatusCode::kNotFound);
}

TEST(RuntimeListTest, TheBuiltInOneNamesBothRuntimesForThisMachine) {
  auto list = ParseRuntimeList(BuiltInRuntimeList());
  ASSERT_TRUE(list.ok()) << list.status().ToString();
  for (const char* name : {"onnx", "xgboost"}) {
    auto runtime = FindPinnedRuntime(*list, name, "");
    ASSERT_TRUE(runtime.ok());
    for (const PinnedWheel& wheel : runtime->wheels) EXPECT_EQ(wheel.sha256.size(), 64U);
#if defined(__x86_64__)
    EXPECT_NE(runtime->WheelForThisMachine(), nullptr);
#endif
  }
  Status status = FindPinnedRuntime(*list, "onnx", "0.1").status();
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("onnx 0.1"), HasSubstr("onnx 1.")));
  EXPECT_FALSE(ParseRuntimeList("{").ok());
  EXPECT_FALSE(ParseRuntimeList(R"({"runtimes": [{"name": "x"}]})").ok());
}

}  // namespace
}  // namespace triune::cli
