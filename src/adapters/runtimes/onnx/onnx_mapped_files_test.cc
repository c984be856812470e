#include "adapters/runtimes/onnx/onnx_mapped_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace triune::onnx {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr size_t kSize = 3 * 4096 + 100;
constexpr size_t kPages = 4 * 4096UL;

/// A folder with a model of two files, one of which is mapped as ONNX Runtime maps it.
class CopyMappedFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "model");
    fs::create_directories(folder_ / "elsewhere");
    std::ofstream(model_) << "model";
  }
  void TearDown() override {
    if (mapped_ != nullptr) munmap(mapped_, kPages);
    fs::remove_all(folder_);
  }

  void Map(const fs::path& file, int protection = PROT_READ) {
    std::ofstream(file) << std::string(kSize, 'w');
    int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
    void* address = mmap(nullptr, kSize, protection, MAP_PRIVATE, descriptor, 0);
    close(descriptor);
    ASSERT_NE(address, MAP_FAILED);
    mapped_ = static_cast<char*>(address);
  }
  std::string_view mapped() const { return {mapped_, kSize}; }

  fs::path folder_ = fs::path(::testing::TempDir()) / ("triune_mapped_" + std::to_string(getpid()));
  fs::path model_ = folder_ / "model" / "model.onnx";
  char* mapped_ = nullptr;
};

TEST_F(CopyMappedFilesTest, KeepsTheBytesWhereTheyAreWhenTheFileIsCutShort) {
  fs::path weights = folder_ / "model" / "weights.bin";
  Map(weights);
  Result<uint64_t> copied = CopyMappedFiles(model_);
  ASSERT_TRUE(copied.ok()) << copied.status().ToString();
  EXPECT_EQ(*copied, kPages);
  fs::resize_file(weights, 0);
  EXPECT_EQ(mapped(), std::string(kSize, 'w'));
  EXPECT_EQ(*CopyMappedFiles(model_), 0U);
}

TEST_F(CopyMappedFilesTest, KeepsWhatWasWrittenToTheMapping) {
  Map(folder_ / "model" / "weights.bin", PROT_READ | PROT_WRITE);
  mapped_[5000] = 'x';
  EXPECT_EQ(*CopyMappedFiles(model_), kPages);
  EXPECT_EQ(mapped_[5000], 'x');
  mapped_[5000] = 'y';
  EXPECT_EQ(mapped_[4999], 'w');
}

TEST_F(CopyMappedFilesTest, FollowsLinksOutOfTheFolder) {
  fs::path weights = folder_ / "elsewhere" / "contents";
  Map(weights);
  EXPECT_EQ(*CopyMappedFiles(model_), 0U);
  fs::create_symlink(weights, folder_ / "model" / "weights.bin");
  EXPECT_EQ(*CopyMappedFiles(model_), kPages);
}

TEST_F(CopyMappedFilesTest, FollowsALinkToTheModel) {
  Map(folder_ / "model" / "weights.bin");
  fs::create_symlink(model_, folder_ / "elsewhere" / "model.onnx");
  EXPECT_EQ(*CopyMappedFiles(folder_ / "elsewhere" / "model.onnx"), kPages);
}

TEST_F(CopyMappedFilesTest, SaysWhenTheFileIsShorterAlready) {
  fs::path weights = folder_ / "model" / "weights.bin";
  Map(weights);
  fs::resize_file(weights, 4096);
  Status status = CopyMappedFiles(model_).status();
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr(weights.string()));
}

}  // namespace
}  // namespace triune::onnx
