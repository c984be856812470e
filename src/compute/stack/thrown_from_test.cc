#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "triune/core.h"
#include "triune/core/remote.h"

namespace app {

/// Keeps a call from being the last thing of its function, which it would then not return to.
volatile int calls_made = 0;

[[gnu::noinline]] int Parse(const std::string& text) {
  if (text.empty()) throw std::invalid_argument("nothing to parse");
  return static_cast<int>(text.size());
}

/// Known to nobody outside of this file.
[[gnu::noinline]] static int ReadFile(const std::string& text) {
  const int size = Parse(text);
  calls_made = calls_made + 1;
  return size;
}

[[gnu::noinline]] int Load(const std::string& text) {
  const int size = ReadFile(text);
  calls_made = calls_made + 1;
  return size;
}

[[gnu::noinline]] int LoadAndRethrow(const std::string& text) {
  try {
    return Load(text);
  } catch (const std::invalid_argument&) {
    throw;
  }
}

[[gnu::noinline]] int LoadAndWrap(const std::string& text) {
  try {
    return Load(text);
  } catch (const std::invalid_argument&) {
    std::throw_with_nested(std::runtime_error("could not load"));
  }
}

[[gnu::noinline]] int LoadAndReplace(const std::string& text) {
  try {
    return Load(text);
  } catch (const std::invalid_argument&) {
    throw std::runtime_error("could not load");
  }
}

[[gnu::noinline]] int Keep(const std::string& text) {
  std::exception_ptr kept;
  try {
    return Load(text);
  } catch (...) {
    kept = std::current_exception();
  }
  try {
    throw std::runtime_error("another");
  } catch (const std::runtime_error&) {
    calls_made = calls_made + 1;
  }
  std::rethrow_exception(kept);
}

[[gnu::noinline]] std::exception_ptr Make() {
  auto made = std::make_exception_ptr(std::invalid_argument("made"));
  calls_made = calls_made + 1;
  return made;
}

[[gnu::noinline]] int ThrowMade() { std::rethrow_exception(Make()); }

[[gnu::noinline]] int Beyond() {
  const std::vector<int> values(3);
  const int value = values.at(4);
  calls_made = calls_made + 1;
  return value;
}

// NOLINTNEXTLINE(misc-no-recursion)
[[gnu::noinline]] int Deep(int depth) {
  if (depth == 0) throw std::runtime_error("deep");
  const int below = Deep(depth - 1);
  calls_made = calls_made + 1;
  return below + 1;
}

[[gnu::noinline]] int Fine() {
  try {
    return Load("");
  } catch (const std::invalid_argument&) {
    return 3;
  }
}

}  // namespace app

TRIUNE_REMOTE(app::Load, app::LoadAndWrap, app::Fine);

namespace app {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using triune::Session;
using triune::Status;
using triune::TaskError;

#define CALLS_OF_LOAD                                                                                    \
  StartsWith("app::Parse(std::string const&) at "), StartsWith("app::ReadFile(std::string const&) at "), \
      StartsWith("app::Load(std::string const&) at ")

template <typename Function, typename... Arguments>
Status ErrorOf(Session& session, Function function, Arguments... arguments) {
  return session.Get(session.Submit(function, std::move(arguments)...)).status();
}

std::vector<std::string> StackOf(const Status& status) {
  const TaskError* error = TaskError::Of(status);
  return error == nullptr ? std::vector<std::string>() : error->stack;
}

TEST(ThrownFrom, TellsTheCallsThatLedToAThrow) {
  Session session;
  const Status status = ErrorOf(session, &Load, std::string());
  EXPECT_THAT(StackOf(status), ElementsAre(CALLS_OF_LOAD));
  EXPECT_THAT(triune::Describe(status), HasSubstr("\n    at app::Parse(std::string const&) at "));
}

TEST(ThrownFrom, TellsTheFileAndThePlace) {
  Session session;
  const auto stack = StackOf(ErrorOf(session, &Load, std::string()));
  ASSERT_FALSE(stack.empty());
  EXPECT_THAT(stack.front(), testing::ContainsRegex(" at [^ /]+\\+0x[0-9a-f]+$"));
}

TEST(ThrownFrom, AnExceptionThatIsThrownAgainKeepsItsPlace) {
  Session session;
  EXPECT_THAT(StackOf(ErrorOf(session, &LoadAndRethrow, std::string())),
              ElementsAre(CALLS_OF_LOAD, StartsWith("app::LoadAndRethrow(")));
  EXPECT_THAT(StackOf(ErrorOf(session, &Keep, std::string())), ElementsAre(CALLS_OF_LOAD, StartsWith("app::Keep(")));
}

TEST(ThrownFrom, ACauseHasItsOwn) {
  Session session;
  const Status status = ErrorOf(session, &LoadAndWrap, std::string());
  const auto stack = StackOf(status);
  ASSERT_FALSE(stack.empty());
  EXPECT_THAT(stack.back(), StartsWith("app::LoadAndWrap("));
  EXPECT_THAT(stack, testing::Each(Not(HasSubstr("app::Parse"))));
  EXPECT_THAT(StackOf(TaskError::Of(status)->cause), ElementsAre(CALLS_OF_LOAD, StartsWith("app::LoadAndWrap(")));
}

TEST(ThrownFrom, TellsTheLatestOfSeveral) {
  Session session;
  EXPECT_THAT(StackOf(ErrorOf(session, &LoadAndReplace, std::string())),
              ElementsAre(StartsWith("app::LoadAndReplace(")));
}

TEST(ThrownFrom, AnExceptionThatWasMadeComesFromThere) {
  Session session;
  EXPECT_THAT(StackOf(ErrorOf(session, &Fine)), ElementsAre());
  const auto stack = StackOf(ErrorOf(session, &ThrowMade));
  EXPECT_THAT(stack, testing::Contains(StartsWith("app::Make()")));
  EXPECT_THAT(stack, testing::Each(Not(HasSubstr("app::Parse"))));
}

TEST(ThrownFrom, TheLibrarysFunctionsAreAmongTheCalls) {
  Session session;
  const auto stack = StackOf(ErrorOf(session, &Beyond));
  ASSERT_GE(stack.size(), 2U);
  EXPECT_THAT(stack.back(), StartsWith("app::Beyond()"));
}

TEST(ThrownFrom, KeepsTheInnermostOfManyCalls) {
  Session session;
  EXPECT_THAT(StackOf(ErrorOf(session, &Deep, 300)),
              AllOf(testing::SizeIs(64), testing::Each(StartsWith("app::Deep(int)"))));
}

TEST(ThrownFrom, ALambdaIsNamed) {
  Session session;
  const Status status = session.Get(session.Submit([]() -> int { throw std::runtime_error("here"); })).status();
  const auto stack = StackOf(status);
  ASSERT_EQ(stack.size(), 1U);
  EXPECT_THAT(stack[0], HasSubstr("lambda"));
}

TEST(ThrownFrom, EndsAtTheTask) {
  Session session({.cpus = 1});
  auto outer = session.Submit([&] { return StackOf(ErrorOf(session, &Load, std::string())); });
  auto stack = session.Get(outer);
  ASSERT_TRUE(stack.ok());
  EXPECT_THAT(*stack, ElementsAre(CALLS_OF_LOAD));
}

TEST(ThrownFrom, WhatIsReturnedHasNoStack) {
  Session session;
  const Status status = session.Get(session.Submit([] {
    Fine();
    return triune::NotFound("nothing there");
  }));
  EXPECT_EQ(status.code(), triune::StatusCode::kNotFound);
  EXPECT_THAT(StackOf(status), ElementsAre());
}

TEST(ThrownFrom, WorksInProcesses) {
  Session session;
  auto process = session.With({.isolation = triune::kProcess});
  EXPECT_THAT(StackOf(session.Get(process.Submit(Load, std::string())).status()), ElementsAre(CALLS_OF_LOAD));
  const Status wrapped = session.Get(process.Submit(LoadAndWrap, std::string())).status();
  ASSERT_NE(TaskError::Of(wrapped), nullptr);
  EXPECT_THAT(StackOf(TaskError::Of(wrapped)->cause), ElementsAre(CALLS_OF_LOAD, StartsWith("app::LoadAndWrap(")));
}

TEST(ThrownFrom, EachAttemptHasItsOwn) {
  Session session;
  int attempt = 0;
  auto task = session.With({.retries = 1}).Submit([&attempt]() -> int { return attempt++ == 0 ? Load("") : Beyond(); });
  const auto stack = StackOf(session.Get(task).status());
  EXPECT_THAT(stack, testing::Contains(StartsWith("app::Beyond()")));
  EXPECT_THAT(stack, testing::Each(Not(HasSubstr("app::Parse"))));
}

}  // namespace
}  // namespace app
