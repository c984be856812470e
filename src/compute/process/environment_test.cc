#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>

#include "triune/core.h"
#include "triune/core/remote.h"

namespace triune::environment_test {

std::string Variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "(none)" : value;
}
std::string Directory() { return std::filesystem::current_path().string(); }
int Process() { return getpid(); }
std::string Nested() {
  Session& session = *Session::Current();
  TaskOptions options;
  options.runtime_env = {.env_vars = {{"TRIUNE_TEST_NESTED", "inner"}}, .working_dir = ".."};
  auto process = session.With(options);
  return session.Get(process.Submit(Variable, std::string("TRIUNE_TEST_NESTED"))).value() + " " +
         session.Get(process.Submit(Directory)).value();
}

class Place {
 public:
  std::string Variable(const std::string& name) { return environment_test::Variable(name); }
};

}  // namespace triune::environment_test

TRIUNE_REMOTE(triune::environment_test::Variable, triune::environment_test::Directory,
              triune::environment_test::Process, triune::environment_test::Nested);
TRIUNE_REMOTE_ACTOR(triune::environment_test::Place(), &triune::environment_test::Place::Variable);

namespace triune::environment_test {
namespace {

using testing::HasSubstr;

TaskOptions With(RuntimeEnv environment) {
  TaskOptions options;
  options.isolation = kProcess;
  options.runtime_env = std::move(environment);
  return options;
}

Status ErrorOf(const TaskOptions& options) {
  Session session;
  return session.Get(session.With(options).Submit(Process)).status();
}

TEST(RuntimeEnv, VariablesAreThoseOfTheProgramAndMore) {
  setenv("TRIUNE_TEST_OUTER", "outer", 1);
  setenv("TRIUNE_TEST_BOTH", "outer", 1);
  Session session;
  auto process = session.With(With({.env_vars = {{"TRIUNE_TEST_BOTH", "inner"}, {"TRIUNE_TEST_INNER", "a=b"}}}));
  EXPECT_EQ(session.Get(process.Submit(Variable, std::string("TRIUNE_TEST_OUTER"))).value(), "outer");
  EXPECT_EQ(session.Get(process.Submit(Variable, std::string("TRIUNE_TEST_BOTH"))).value(), "inner");
  EXPECT_EQ(session.Get(process.Submit(Variable, std::string("TRIUNE_TEST_INNER"))).value(), "a=b");
  auto plain = session.With({.isolation = kProcess});
  EXPECT_EQ(session.Get(plain.Submit(Variable, std::string("TRIUNE_TEST_BOTH"))).value(), "outer");
  EXPECT_EQ(session.Get(plain.Submit(Variable, std::string("TRIUNE_TEST_INNER"))).value(), "(none)");
}

TEST(RuntimeEnv, AWorkingDirectory) {
  Session session;
  const std::string here = std::filesystem::current_path().string();
  EXPECT_EQ(session.Get(session.With(With({.working_dir = "/"})).Submit(Directory)).value(), "/");
  EXPECT_EQ(session.Get(session.With(With({.working_dir = ".."})).Submit(Directory)).value(),
            std::filesystem::path(here).parent_path().string());
  EXPECT_EQ(session.Get(session.With({.isolation = kProcess}).Submit(Directory)).value(), here);
  EXPECT_EQ(std::filesystem::current_path().string(), here);
}

TEST(RuntimeEnv, AProcessIsKeptForTheSameOne) {
  Session session({.cpus = 2});
  auto a = session.With(With({.env_vars = {{"A", "1"}}}));
  auto b = session.With(With({.env_vars = {{"A", "2"}}}));
  const int first = session.Get(a.Submit(Process)).value();
  const int other = session.Get(b.Submit(Process)).value();
  EXPECT_NE(first, other);
  EXPECT_EQ(session.Get(a.Submit(Process)).value(), first);
  EXPECT_EQ(session.Get(session.With(With({.env_vars = {{"A", "2"}}})).Submit(Process)).value(), other);
}

TEST(RuntimeEnv, AnIdleProcessOfAnotherOneMakesRoom) {
  Session session({.cpus = 1});
  auto a = session.With(With({.env_vars = {{"A", "1"}}}));
  auto b = session.With(With({.env_vars = {{"A", "2"}}}));
  const int first = session.Get(a.Submit(Process)).value();
  session.Get(b.Submit(Process)).value();
  EXPECT_NE(session.Get(a.Submit(Process)).value(), first);
}

TEST(RuntimeEnv, OfAnActor) {
  Session session;
  ActorOptions options;
  options.isolation = kProcess;
  options.runtime_env.env_vars["TRIUNE_TEST_ACTOR"] = "yes";
  auto place = session.CreateActor<Place>(options);
  EXPECT_EQ(session.Get(place.Call(&Place::Variable, std::string("TRIUNE_TEST_ACTOR"))).value(), "yes");
}

TEST(RuntimeEnv, OfATaskThatATaskHasSubmitted) {
  Session session;
  EXPECT_EQ(session.Get(session.With(With({.working_dir = "/usr"})).Submit(Nested)).value(), "inner /");
}

TEST(RuntimeEnv, IsForProcesses) {
  TaskOptions options = With({.env_vars = {{"A", "1"}}});
  options.isolation = kThread;
  const Status status = ErrorOf(options);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.ToString(), HasSubstr("kProcess"));
  Session session;
  auto place = session.CreateActor<Place>({.runtime_env = {.env_vars = {}, .working_dir = "/"}});
  EXPECT_THAT(session.Get(place.Call(&Place::Variable, std::string("A"))).status().ToString(), HasSubstr("kProcess"));
}

TEST(RuntimeEnv, TellsWhatIsWrongWithIt) {
  using namespace std::string_literals;
  auto error = [](RuntimeEnv environment) {
    const Status status = ErrorOf(With(std::move(environment)));
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    return status.ToString();
  };
  EXPECT_THAT(error({.env_vars = {{"", "1"}}}), HasSubstr("empty"));
  EXPECT_THAT(error({.env_vars = {{"A=B", "1"}}}), HasSubstr("A=B"));
  EXPECT_THAT(error({.env_vars = {{"A\0B"s, "1"}}}), HasSubstr("zero"));
  EXPECT_THAT(error({.env_vars = {{"A", "1\0"s}}}), HasSubstr("zero"));
  EXPECT_THAT(error({.env_vars = {{"TRIUNE_PROCESS", "worker"}}}), HasSubstr("TRIUNE_PROCESS"));
  EXPECT_THAT(error({.working_dir = "/no/such/place"}), HasSubstr("/no/such/place"));
  EXPECT_THAT(error({.env_vars = {{"A", std::string(100'000, 'x')}}}), HasSubstr("too large"));
}

}  // namespace
}  // namespace triune::environment_test
