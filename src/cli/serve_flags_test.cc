#include "cli/serve_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>
#include <vector>

#include "cli/arguments.h"

namespace triune::cli {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

/// The command line of `serve`, as RunCommandLine hands it over.
struct Parsed {
  explicit Parsed(const std::vector<std::string>& arguments) {
    AddServeFlags(command, options);
    std::vector<std::string> normalized = NormalizeArguments(arguments);
    try {
      command.parse(std::vector<std::string>(normalized.rbegin(), normalized.rend()));
    } catch (const CLI::ParseError& parse_error) {
      error = parse_error.what();
    }
  }
  CLI::App command{"Serve", "serve"};
  ServeOptions options;
  std::string error;
};

TEST(ServeFlagsTest, KServesFlagsActWhereTheyMeanSomething) {
  Parsed parsed({"--model_name=iris", "--model_dir=/m", "--http_port=1", "--nthread=2", "--max_threads", "3",
                 "--grpc_max_receive_message_length=8388608", "--timeout-keep-alive=65"});
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.options.nthread, 2);
  EXPECT_EQ(parsed.options.grpc_threads, 3);
  EXPECT_EQ(parsed.options.grpc_message_bytes, 8388608U);
  EXPECT_EQ(parsed.options.idle_timeout, 65);
  EXPECT_THAT(parsed.options.flags_without_effect, ElementsAre());
}

TEST(ServeFlagsTest, TheOthersAreNotedOnce) {
  Parsed parsed({"--workers", "2", "m.yaml", "--workers=3", "--protocol=v2", "--enable_predictor_health_check",
                 "n.yaml", "--event-loop=uvloop", "--enable_docs_url=true", "--predictor_host=x"});
  EXPECT_EQ(parsed.error, "");
  EXPECT_THAT(parsed.options.models, ElementsAre("m.yaml", "n.yaml"));
  EXPECT_THAT(parsed.options.flags_without_effect,
              ::testing::UnorderedElementsAre("--workers", "--protocol", "--enable_predictor_health_check",
                                              "--event-loop", "--enable_docs_url", "--predictor_host"));
}

TEST(ServeFlagsTest, TlsIsNotIgnored) {
  EXPECT_THAT(Parsed({"--ssl_certfile=/x"}).error,
              AllOf(HasSubstr("--ssl-certfile"), HasSubstr("TLS is not there yet")));
  EXPECT_THAT(Parsed({"--ssl_keyfile", "/x"}).error, HasSubstr("TLS is not there yet"));
  setenv("KSERVE_TLS_KEY_FILE", "/x", 1);
  EXPECT_THAT(Parsed({}).error, AllOf(HasSubstr("TLS is not there yet"), HasSubstr("KSERVE_TLS_KEY_FILE")));
  setenv("KSERVE_TLS_KEY_FILE", "", 1);
  EXPECT_EQ(Parsed({}).error, "");
  unsetenv("KSERVE_TLS_KEY_FILE");
}

TEST(ServeFlagsTest, UnlistedFlagsAreNamedInErrorsButNotInTheHelp) {
  EXPECT_THAT(Parsed({"--workers"}).error, HasSubstr("--workers"));
  EXPECT_THAT(Parsed({}).command.help(), Not(AnyOf(HasSubstr("--workers"), HasSubstr("--ssl"), HasSubstr("Unlisted"))));
}

TEST(ServeFlagsTest, OfAFlagGivenTwiceTheLastCounts) {
  Parsed parsed({"--http_port=1", "--model_name=a", "--http_port=2", "--model_name=b", "--pvc=a=x", "--pvc=b=y"});
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.options.http_port, 2);
  EXPECT_EQ(parsed.options.model_name, "b");
  EXPECT_THAT(parsed.options.pvc, ElementsAre("a=x", "b=y"));
}

TEST(ServeFlagsTest, WrongNumbersSayWhatIsWanted) {
  EXPECT_EQ(Parsed({"--http-port=abc"}).error, "--http-port: want a whole number from 0 to 65535, got 'abc'");
  for (std::string flag : {"--max-body-bytes", "--max-connections", "--max-buffered-bytes"}) {
    EXPECT_EQ(Parsed({flag + "=0"}).error, flag + ": want a whole number of at least 1, got '0'");
  }
  EXPECT_EQ(Parsed({"--read-timeout=0"}).error, "--read-timeout: want a number above 0, got '0'");
  EXPECT_EQ(Parsed({"--drain-timeout=0"}).error, "");
}

TEST(ServeFlagsTest, HelpShowsWhatToWrite) {
  std::string help = Parsed({}).command.help();
  EXPECT_THAT(help, AllOf(HasSubstr("Usage: serve [OPTIONS] [NAME=]MODEL"), HasSubstr("Examples:"),
                          HasSubstr("triune serve iris=./models/iris.onnx")));
}

}  // namespace
}  // namespace triune::cli
