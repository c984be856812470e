#include "compute/logs/log_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace triune::compute {
namespace {

using testing::ElementsAre;

class LogLinesTest : public testing::Test {
 protected:
  void Feed(std::string_view bytes) { lines_.Feed(bytes, Emit()); }
  void Finish() { lines_.Finish(Emit()); }
  LogLines::Emit Emit() {
    return [this](const LogLine& line) {
      out_.push_back(std::string(line.task) + "/" + std::to_string(line.process) + "/" + std::string(line.text));
    };
  }
  LogLines lines_;
  std::vector<std::string> out_;
};

TEST_F(LogLinesTest, CutsIntoLines) {
  Feed("one\ntw");
  Feed("o\n\nthree");
  EXPECT_THAT(out_, ElementsAre("/0/one", "/0/two", "/0/"));
  Finish();
  EXPECT_THAT(out_, ElementsAre("/0/one", "/0/two", "/0/", "/0/three"));
}

TEST_F(LogLinesTest, AMarkSaysWhoWrites) {
  Feed(LogLines::Mark(7, "Load") + "a\n" + LogLines::Mark(7, "Store: 1\n2") + "b\n");
  EXPECT_THAT(out_, ElementsAre("Load/7/a", "Store: 1 2/7/b"));
}

TEST_F(LogLinesTest, AMarkEndsALine) {
  Feed(LogLines::Mark(7, "Load") + "no end" + LogLines::Mark(7, "Store") + "b\n");
  EXPECT_THAT(out_, ElementsAre("Load/7/no end", "Store/7/b"));
}

TEST_F(LogLinesTest, AnyCutIsTheSame) {
  const std::string all = "x\n" + LogLines::Mark(7, "Load") + "no end" + LogLines::Mark(8, "") + "b\n\nc";
  for (const char c : all) Feed(std::string_view(&c, 1));
  Finish();
  EXPECT_THAT(out_, ElementsAre("/0/x", "Load/7/no end", "/8/b", "/8/", "/8/c"));
}

TEST_F(LogLinesTest, LongLinesComeInPieces) {
  const std::string text(LogLines::kLongest * 2 + 5, 'x');
  Feed(text);
  EXPECT_EQ(out_.size(), 1U);
  Feed("\n");
  ASSERT_EQ(out_.size(), 3U);
  EXPECT_EQ(out_[0].size(), LogLines::kLongest + 3);
  EXPECT_EQ(out_[2], "/0/xxxxx");
  Feed(text + "\n");
  EXPECT_EQ(out_.size(), 6U);
}

TEST_F(LogLinesTest, AMarkInALongLineIsFound) {
  for (size_t before = LogLines::kLongest - 20; before < LogLines::kLongest + 20; ++before) {
    LogLines lines;
    std::string all;
    std::string task;
    const std::string text = std::string(before, 'x') + LogLines::Mark(7, "Load") + "y\n";
    for (const char c : text) {
      lines.Feed({&c, 1}, [&](const LogLine& line) {
        all += line.text;
        task = line.task;
      });
    }
    EXPECT_EQ(all, std::string(before, 'x') + "y");
    EXPECT_EQ(task, "Load");
  }
}

TEST_F(LogLinesTest, WhatOnlyBeginsLikeAMarkDoesNotStopIt) {
  Feed("\x1d\x1dtriune:" + std::string(LogLines::kLongest * 3, 'x'));
  Feed("\nafter\n");
  ASSERT_FALSE(out_.empty());
  EXPECT_EQ(out_.back(), "/0/after");
}

}  // namespace
}  // namespace triune::compute
