#include "cli/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

namespace triune::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// A program with one command, `count --start-at N`, that exits with N.
struct CommandLine {
  explicit CommandLine(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "triune");
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    int start = 0;
    status = RunCommandLine(static_cast<int>(arguments.size()), arguments.data(), [&](CLI::App& app, int& exit_status) {
      CLI::App* command = app.add_subcommand("count", "Count");
      command->add_option("--start-at", start, "Where to start");
      command->callback([&] { exit_status = start; });
    });
    out = testing::internal::GetCapturedStdout();
    err = testing::internal::GetCapturedStderr();
  }
  int status = -1;
  std::string out;
  std::string err;
};

TEST(RunCommandLineTest, RunsTheCommandAndReturnsItsStatus) {
  EXPECT_EQ(CommandLine({"count"}).status, kExitOk);
  EXPECT_EQ(CommandLine({"count", "--start-at", "1"}).status, kExitFailed);
  EXPECT_EQ(CommandLine({"count", "--start_at=1"}).status, kExitFailed);
}

TEST(RunCommandLineTest, HelpGoesToStandardOutput) {
  CommandLine run({"count", "--help"});
  EXPECT_EQ(run.status, kExitOk);
  EXPECT_THAT(run.out, HasSubstr("--start-at"));
  EXPECT_EQ(run.err, "");
  EXPECT_EQ(CommandLine({"help", "count"}).out, run.out);
  EXPECT_EQ(CommandLine({"help"}).out, CommandLine({"--help"}).out);
  EXPECT_THAT(CommandLine({"help", "sum"}).err, HasSubstr("no such command: sum"));
}

TEST(RunCommandLineTest, WrongUsageNamesWhatIsWrongAndWhereTheHelpIs) {
  CommandLine unknown_option({"count", "--begin_at", "1"});
  EXPECT_EQ(unknown_option.status, kExitUsage);
  EXPECT_THAT(unknown_option.err, AllOf(HasSubstr("--begin_at"), HasSubstr("triune count --help")));
  EXPECT_EQ(unknown_option.out, "");
  CommandLine unknown_command({"sum"});
  EXPECT_EQ(unknown_command.status, kExitUsage);
  EXPECT_THAT(unknown_command.err, HasSubstr("no such command: sum"));
  CommandLine bad_value({"count", "--start-at", "x"});
  EXPECT_EQ(bad_value.status, kExitUsage);
  EXPECT_THAT(bad_value.err, HasSubstr("--start-at"));
  EXPECT_EQ(CommandLine({}).status, kExitUsage);
}

TEST(ReportStatusTest, PrintsTheMessageOfAnError) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(ReportStatus(NotFound("no model at /x")), kExitFailed);
  EXPECT_EQ(ReportStatus({}), kExitOk);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "triune: no model at /x\n");
}

}  // namespace
}  // namespace triune::cli
