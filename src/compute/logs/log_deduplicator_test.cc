#include "compute/logs/log_deduplicator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace triune::compute {
namespace {

using testing::ElementsAre;

class LogDeduplicatorTest : public testing::Test {
 protected:
  void Add(int process, std::string_view text) {
    deduplicator_.Add({.task = "Load", .process = process, .text = text}, now_, Emit());
  }
  void Flush() { deduplicator_.Flush(now_, Emit()); }
  LogDeduplicator::Emit Emit() {
    return [this](std::string_view line) { out_.emplace_back(line); };
  }
  std::vector<std::string> Out() { return std::exchange(out_, {}); }

  TimePoint now_{std::chrono::seconds(100)};
  LogDeduplicator deduplicator_;
  std::vector<std::string> out_;
};

TEST_F(LogDeduplicatorTest, ALineThatIsNewComesAtOnce) {
  Add(1, "a");
  Add(2, "b");
  EXPECT_THAT(Out(), ElementsAre("(Load pid=1) a", "(Load pid=2) b"));
  EXPECT_EQ(deduplicator_.next_flush(), kNever);
}

TEST_F(LogDeduplicatorTest, OneProcessMayRepeatItself) {
  Add(1, "a");
  Add(1, "a");
  EXPECT_THAT(Out(), ElementsAre("(Load pid=1) a", "(Load pid=1) a"));
}

TEST_F(LogDeduplicatorTest, TheSameOfSeveralComesOnce) {
  for (int process = 1; process <= 4; ++process) Add(process, "a");
  EXPECT_THAT(Out(), ElementsAre("(Load pid=1) a"));
  EXPECT_EQ(deduplicator_.next_flush(), now_ + LogDeduplicator::kWithin);
  now_ += LogDeduplicator::kWithin - Duration(1);
  Flush();
  EXPECT_THAT(Out(), ElementsAre());
  now_ += Duration(1);
  Flush();
  EXPECT_THAT(Out(), ElementsAre("(Load pid=4) a [repeated 3x across processes]"));
}

TEST_F(LogDeduplicatorTest, ManyGoOnBeingKeptBack) {
  for (int process = 1; process <= 4; ++process) Add(process, "a");
  now_ += LogDeduplicator::kWithin;
  Add(1, "a");
  EXPECT_THAT(Out(), ElementsAre("(Load pid=1) a", "(Load pid=4) a [repeated 3x across processes]"));
  now_ += LogDeduplicator::kWithin;
  Flush();
  EXPECT_THAT(Out(), ElementsAre("(Load pid=1) a"));
  Add(1, "a");
  EXPECT_THAT(Out(), ElementsAre("(Load pid=1) a"));
}

TEST_F(LogDeduplicatorTest, AlmostNothingIsLostAtTheEnd) {
  for (int process = 1; process <= 3; ++process) Add(process, "a");
  for (int process = 1; process <= 2; ++process) Add(process, "b");
  deduplicator_.Finish(Emit());
  EXPECT_THAT(Out(), ElementsAre("(Load pid=1) a", "(Load pid=1) b", "(Load pid=3) a [repeated 2x across processes]",
                                 "(Load pid=2) b"));
}

TEST_F(LogDeduplicatorTest, EmptyLinesStay) {
  Add(1, "");
  Add(2, "");
  EXPECT_THAT(Out(), ElementsAre("(Load pid=1)", "(Load pid=2)"));
}

TEST_F(LogDeduplicatorTest, WithoutATask) {
  deduplicator_.Add({.task = "", .process = 3, .text = "a"}, now_, Emit());
  deduplicator_.Add({.task = "", .process = 0, .text = "b"}, now_, Emit());
  EXPECT_THAT(Out(), ElementsAre("(pid=3) a", "(pid=?) b"));
}

TEST_F(LogDeduplicatorTest, RemembersSoManyOnly) {
  Add(1, "a");
  Add(2, "a");
  for (int i = 0; i < 5000; ++i) Add(1, "line " + std::to_string(i));
  EXPECT_EQ(Out().size(), 5002U);
  Add(2, "a");
  EXPECT_THAT(Out(), ElementsAre("(Load pid=2) a"));
}

}  // namespace
}  // namespace triune::compute
