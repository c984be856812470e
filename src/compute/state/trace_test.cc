#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "compute/state/testing/json.h"
#include "compute/state/trace_file.h"
#include "triune/core.h"
#include "triune/core/remote.h"

namespace triune {
namespace {

int TracedPid() { return getpid(); }

}  // namespace
}  // namespace triune

TRIUNE_REMOTE(triune::TracedPid);

namespace triune::compute {
namespace {

using ::testing::HasSubstr;

int Square(int x) { return x * x; }
int FailsOnce() {
  if (RuntimeContext::attempt() < 1) throw std::runtime_error("not \"yet\"");
  return 42;
}
int Throws() { throw std::runtime_error("no luck"); }

class Counter {
 public:
  int Add(int by) { return value_ += by; }

 private:
  int value_ = 0;
};

class TraceTest : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }

  std::string Text() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::vector<Json> Events() const {
    auto json = JsonReader::Read(Text());
    EXPECT_TRUE(json) << Text();
    EXPECT_EQ(json ? json->kind : Json::kNull, Json::kArray);
    return json ? json->array : std::vector<Json>();
  }
  static std::vector<Json> With(const std::vector<Json>& events, const std::string& phase, const std::string& name) {
    std::vector<Json> found;
    for (const Json& event : events) {
      if (event["ph"].text == phase && event["name"].text == name) found.push_back(event);
    }
    return found;
  }

  const std::string path_ = ::testing::TempDir() + "trace." + std::to_string(getpid()) + ".json";
};

TEST_F(TraceTest, HasRunsOnTracksWithNames) {
  {
    Session session({.cpus = 2, .trace_file = path_});
    EXPECT_TRUE(session.status().ok());
    EXPECT_TRUE(session.Get(session.With({.name = "square"}).Submit(Square, 3)).ok());
    auto actor = session.CreateActor<Counter>();
    EXPECT_TRUE(session.Get(actor.With({.name = "add"}).Call(&Counter::Add, 1)).ok());
  }
  const std::vector<Json> events = Events();
  const std::vector<Json> runs = With(events, "X", "square");
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0]["pid"].number, getpid());
  EXPECT_GE(runs[0]["dur"].number, 0);
  EXPECT_EQ(runs[0]["args"]["attempt_number"].number, 0);
  EXPECT_EQ(With(events, "X", "add").size(), 1U);
  EXPECT_EQ(With(events, "X", "submit square").size(), 1U);
  // From where it was submitted to where it ran.
  const std::string id = runs[0]["args"]["task_id"].text;
  size_t ends = 0;
  for (const char* phase : {"s", "f"}) {
    for (const Json& flow : With(events, phase, "submit")) ends += flow["id"].text == id ? 1 : 0;
  }
  EXPECT_EQ(ends, 2U);
  std::set<double> named;
  for (const Json& name : With(events, "M", "thread_name")) named.insert(name["tid"].number);
  for (const Json& event : events) {
    EXPECT_TRUE(event["ph"].text == "M" || named.contains(event["tid"].number));
  }
}

TEST_F(TraceTest, HasFailuresAndRetries) {
  {
    Session session({.cpus = 1, .trace_file = path_});
    EXPECT_TRUE(session.Get(session.With({.name = "again", .retries = 3}).Submit(FailsOnce)).ok());
    EXPECT_FALSE(session.Get(session.With({.name = "bad"}).Submit(Throws)).ok());
  }
  const std::vector<Json> events = Events();
  EXPECT_EQ(With(events, "X", "again").size(), 2U) << "one for each attempt";
  ASSERT_EQ(With(events, "i", "retry again").size(), 1U);
  EXPECT_THAT(With(events, "i", "retry again")[0]["args"]["error"].text, HasSubstr("not \"yet\""));
  ASSERT_EQ(With(events, "i", "failure bad").size(), 1U);
  EXPECT_THAT(With(events, "X", "bad").at(0)["args"]["error"].text, HasSubstr("no luck"));
}

TEST_F(TraceTest, HasProcesses) {
  int pid = 0;
  {
    Session session({.cpus = 1, .trace_file = path_});
    auto got = session.Get(session.With({.name = "pid", .isolation = kProcess}).Submit(TracedPid));
    ASSERT_TRUE(got.ok());
    pid = *got;
  }
  const std::vector<Json> events = Events();
  ASSERT_EQ(With(events, "X", "pid").size(), 1U);
  EXPECT_EQ(With(events, "X", "pid")[0]["pid"].number, pid);
  const std::vector<Json> names = With(events, "M", "process_name");
  ASSERT_EQ(names.size(), 2U);
  EXPECT_EQ(names[1]["pid"].number, pid);
}

TEST_F(TraceTest, IsThereThoughTheProgramDies) {
  EXPECT_EXIT(
      {
        Session session({.cpus = 1, .trace_file = path_});
        std::ignore = session.Get(session.With({.name = "early"}).Submit(Square, 3));
        while (Text().find("\"early\"") == std::string::npos) usleep(1000);
        _exit(3);
      },
      ::testing::ExitedWithCode(3), "");
  // Viewers do without the end.
  const auto json = JsonReader::Read(Text() + "]");
  ASSERT_TRUE(json);
  EXPECT_EQ(With(json->array, "X", "early").size(), 1U);
}

TEST_F(TraceTest, WhatComesTooFastIsCounted) {
  constexpr uint64_t kEvents = 4 * TraceFile::kMostBuffered;
  uint64_t dropped;
  {
    auto file = TraceFile::Open(path_);
    ASSERT_TRUE(file.ok());
    TraceEvent event;
    event.name = std::make_shared<const std::string>("event");
    event.thread = 7;
    for (uint64_t i = 0; i < kEvents; ++i) (*file)->Add(event);
    dropped = (*file)->dropped();
  }
  const std::vector<Json> events = Events();
  EXPECT_EQ(With(events, "X", "event").size() + dropped, kEvents);
  EXPECT_EQ(With(events, "M", "dropped_events").size(), dropped > 0 ? 1U : 0U);
}

TEST_F(TraceTest, CanBeWrittenOfWhatTheListsKnow) {
  Session session({.cpus = 1, .track_state = true});
  EXPECT_TRUE(session.Get(session.With({.name = "square"}).Submit(Square, 3)).ok());
  ASSERT_TRUE(session.WriteTrace(path_).ok());
  EXPECT_EQ(With(Events(), "X", "square").size(), 1U);
  EXPECT_EQ(session.WriteTrace("/no/such/folder").code(), StatusCode::kInvalidArgument);
}

TEST_F(TraceTest, AFileThatCantBeWrittenIsToldAndNoMore) {
  ::testing::internal::CaptureStderr();
  Session session({.cpus = 1, .trace_file = "/no/such/folder/trace.json"});
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("/no/such/folder"));
  EXPECT_EQ(session.status().code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(session.Get(session.Submit(Square, 3)).ok());
}

}  // namespace
}  // namespace triune::compute
