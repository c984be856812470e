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

TEST(NameAsTypedTest, NamesOptionsAsTheyWereTyped) {
  EXPECT_EQ(NameAsTyped("--http-port: want a number", {"serve", "--http_port=abc"}), "--http_port: want a number");
  EXPECT_EQ(NameAsTyped("--http-port: want a number", {"--http-port=abc"}), "--http-port: want a number");
  EXPECT_EQ(NameAsTyped("not expected: --a-b --a-b-c --a-b=1", {"--a_b", "--a_b=1"}),
            "not expected: --a_b --a-b-c --a_b=1");
  EXPECT_EQ(NameAsTyped("--a-b", {"--", "--a_b"}), "--a-b");
}

TEST(HelpAsOptionTest, IsThatOfTheCommandNamed) {
  EXPECT_THAT(HelpAsOption({"help"}), ElementsAre("--help"));
  EXPECT_THAT(HelpAsOption({"help", "runtimes", "install"}), ElementsAre("runtimes", "install", "--help"));
  EXPECT_THAT(HelpAsOption({"serve", "help"}), ElementsAre("serve", "help"));
  EXPECT_THAT(HelpAsOption({}), ElementsAre());
}

TEST(NormalizeArgumentsTest, LeavesOtherProgramsArguments) {
  EXPECT_THAT(NormalizeArguments({"run", "program", "--my_flag"}), ElementsAre("run", "program", "--my_flag"));
}

}  // namespace
}  // namespace triune::cli
