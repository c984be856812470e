#include "triune/core/progress_bar.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

namespace triune {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

/// What is written on a FILE.
class Text {
 public:
  Text() : file_(open_memstream(&text_, &size_)) {}
  ~Text() {
    std::fclose(file_);
    std::free(text_);
  }
  std::FILE* file() const { return file_; }
  std::vector<std::string> Lines() const {
    std::fflush(file_);
    std::vector<std::string> lines(1);
    for (size_t i = 0; i < size_; ++i) {
      if (text_[i] == '\n') {
        lines.emplace_back();
      } else {
        lines.back() += text_[i];
      }
    }
    lines.pop_back();
    return lines;
  }

 private:
  char* text_ = nullptr;
  size_t size_ = 0;
  std::FILE* file_;
};

TEST(ProgressBar, ALineForEachTenth) {
  Text text;
  {
    ProgressBar bar(40, {.title = "reading", .unit = "pages", .out = text.file()});
    for (int i = 0; i < 40; ++i) bar.Update();
    EXPECT_EQ(bar.done(), 40U);
  }
  const auto lines = text.Lines();
  ASSERT_EQ(lines.size(), 10U);
  EXPECT_THAT(lines[0], StartsWith("reading:  10% [##----------------------] 4/40 pages, "));
  EXPECT_THAT(lines[0], EndsWith(" left"));
  EXPECT_THAT(lines[9], MatchesRegex("reading: 100% .########################. 40/40 pages, .*/s, done in .*"));
}

TEST(ProgressBar, WaitsForAllAndCountsThoseThatFail) {
  Session session({.cpus = 2});
  Text text;
  std::vector<ObjectRef<int>> numbers;
  for (int i = 0; i < 1000; ++i) {
    numbers.push_back(session.Submit([i] { return i % 10 == 3 ? throw std::runtime_error("three") : i; }));
  }
  ProgressBar bar(numbers.size(), {.out = text.file()});
  EXPECT_TRUE(bar.BlockUntilComplete(session, numbers).ok());
  EXPECT_EQ(bar.done(), 1000U);
  EXPECT_THAT(text.Lines().back(), HasSubstr("1000/1000 tasks"));
  EXPECT_THAT(text.Lines().back(), EndsWith(", 100 failed"));
}

TEST(ProgressBar, OfNothing) {
  Session session({.cpus = 1});
  Text text;
  ProgressBar bar(0, {.out = text.file()});
  EXPECT_TRUE(bar.BlockUntilComplete(session, std::vector<ObjectRef<int>>()).ok());
  bar.Update();
  EXPECT_THAT(text.Lines().back(), StartsWith("100% [########################] 1/0 tasks"));
}

TEST(ProgressBar, OneLineOnATerminal) {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0) GTEST_SKIP() << "no terminals here";
  std::FILE* out = std::fopen(ptsname(terminal), "w");
  ASSERT_NE(out, nullptr);
  {
    ProgressBar bar(1000, {.title = "reading", .out = out});
    for (int i = 0; i < 1000; ++i) bar.Update();
  }
  std::string text;
  pollfd ready{.fd = terminal, .events = POLLIN, .revents = 0};
  char piece[4096];
  while (poll(&ready, 1, 0) == 1 && (ready.revents & POLLIN) != 0) {
    text.append(piece, static_cast<size_t>(read(terminal, piece, sizeof(piece))));
  }
  std::fclose(out);
  close(terminal);
  EXPECT_THAT(text, StartsWith("\rreading:   0% ["));
  EXPECT_THAT(text, HasSubstr("\rreading: 100% [########################] 1000/1000 tasks"));
  EXPECT_THAT(text, EndsWith("\x1b[K\r\n"));
}

}  // namespace
}  // namespace triune
