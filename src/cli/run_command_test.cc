#include "cli/run_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "cli/command.h"

namespace triune::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

int RunProgram(std::vector<const char*> arguments, std::string* error) {
  arguments.insert(arguments.begin(), {"triune", "run"});
  testing::internal::CaptureStderr();
  const int status = RunCommandLine(static_cast<int>(arguments.size()), arguments.data(), &AddRunCommand);
  *error = testing::internal::GetCapturedStderr();
  return status;
}

TEST(RunCommandTest, OptionsAreVariables) {
  EXPECT_THAT(EnvironmentOf({}), IsEmpty());
  EXPECT_THAT(EnvironmentOf({.cpus = 2, .memory = 5, .object_memory = 7, .trace = "/t.json", .state_socket = "s"}),
              ElementsAre(Pair("TRIUNE_CPUS", "2"), Pair("TRIUNE_MEMORY", "5"), Pair("TRIUNE_OBJECT_MEMORY", "7"),
                          Pair("TRIUNE_TRACE", "/t.json"),
                          Pair("TRIUNE_STATE_SOCKET", (std::filesystem::current_path() / "s").string())));
}

TEST(RunCommandTest, RunsTheProgramInItsPlace) {
  // Each in a process of its own, which becomes the program.
  auto run = [](std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), {"triune", "run"});
    std::_Exit(RunCommandLine(static_cast<int>(arguments.size()), arguments.data(), &AddRunCommand));
  };
  EXPECT_EXIT(run({"sh", "-c", "exit 7"}), ::testing::ExitedWithCode(7), "");
  EXPECT_EXIT(run({"--cpus", "3", "sh", "-c", "exit $TRIUNE_CPUS"}), ::testing::ExitedWithCode(3), "");
  EXPECT_EXIT(run({"--memory", "1KiB", "sh", "-c", "exit $((TRIUNE_MEMORY / 512))"}), ::testing::ExitedWithCode(2), "");
  EXPECT_EXIT(run({"sh", "-c", "test \"$1\" = --my_flag && exit 5", "sh", "--my_flag", "--cpus", "2"}),
              ::testing::ExitedWithCode(5), "");
}

TEST(RunCommandTest, SaysWhatIsWrong) {
  std::string error;
  EXPECT_EQ(RunProgram({}, &error), kExitUsage);
  EXPECT_THAT(error, HasSubstr("PROGRAM"));
  EXPECT_EQ(RunProgram({"--cpu", "2", "sh"}, &error), kExitUsage);
  EXPECT_THAT(error, HasSubstr("--cpu"));
  EXPECT_EQ(RunProgram({"--cpus", "0", "sh"}, &error), kExitUsage);
  EXPECT_EQ(RunProgram({"--memory", "much", "sh"}, &error), kExitUsage);
  EXPECT_EQ(RunProgram({"/nowhere/program"}, &error), kExitFailed);
  EXPECT_THAT(error, HasSubstr("can't run /nowhere/program: No such file"));
}

}  // namespace
}  // namespace triune::cli
