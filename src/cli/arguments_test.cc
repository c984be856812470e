#include "cli/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace triune::cli {
namespace {

using ::testing::ElementsAre;

TEST(NormalizeArgumentsTest, AcceptsUnderscoresInOptionNames) {
  EXPECT_THAT(NormalizeArguments({"serve", "--http_port=8080", "--enable_grpc", "--model-name", "x"}),
              ElementsAre("serve", "--http-port=8080", "--enable-grpc", "--model-name", "x"));
}

TEST(NormalizeArgumentsTest, LeavesValuesAlone) {
  EXPECT_THAT(
      NormalizeArguments({"--model_dir=/mnt/my_models", "--model_name", "my_model", "my_iris=./a_b.onnx", "-x_y"}),
      ElementsAre("--model-dir=/mnt/my_models", "--model-name", "my_model", "my_iris=./a_b.onnx", "-x_y"));
}

TEST(NormalizeArgumentsTest, LeavesWhatFollowsTwoDashesAlone) {
  EXPECT_THAT(NormalizeArguments({"--a_b", "--", "--c_d=e"}), ElementsAre("--a-b", "--", "--c_d=e"));
  EXPECT_THAT(NormalizeArguments({}), ElementsAre());
}

}  // namespace
}  // namespace triune::cli
