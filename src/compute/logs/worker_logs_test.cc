#include "compute/logs/worker_logs.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace triune::compute {
namespace {

using testing::HasSubstr;

class Pipe {
 public:
  Pipe() { EXPECT_EQ(pipe2(ends_.data(), O_CLOEXEC), 0); }
  ~Pipe() {
    CloseReader();
    CloseWriter();
  }
  int writer() const { return ends_[1]; }
  void CloseReader() { Close(0); }
  void CloseWriter() { Close(1); }
  void Fill() const {
    fcntl(ends_[1], F_SETFL, O_NONBLOCK);
    const std::string bytes(4096, 'x');
    while (write(ends_[1], bytes.data(), bytes.size()) > 0) {
    }
    fcntl(ends_[1], F_SETFL, 0);
  }
  /// Closes it, and reads until nobody has that end any more.
  std::string ReadAll() {
    CloseWriter();
    return ReadUntilEnd();
  }
  /// Something that is there.
  std::string ReadSome() const {
    std::array<char, 4096> bytes{};
    const ssize_t size = read(ends_[0], bytes.data(), bytes.size());
    return {bytes.data(), static_cast<size_t>(size < 0 ? 0 : size)};
  }
  std::string ReadUntilEnd() const {
    std::string all;
    std::array<char, 4096> bytes{};
    for (ssize_t size; (size = read(ends_[0], bytes.data(), bytes.size())) > 0;) {
      all.append(bytes.data(), static_cast<size_t>(size));
    }
    return all;
  }

 private:
  void Close(size_t end) {
    if (ends_[end] >= 0) close(ends_[end]);
    ends_[end] = -1;
  }
  std::array<int, 2> ends_{-1, -1};
};

void Say(int descriptor, const std::string& text) {
  EXPECT_EQ(write(descriptor, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

TEST(WorkerLogs, WritesToTheRightOne) {
  Pipe output;
  Pipe error;
  {
    WorkerLogs logs(true, output.writer(), error.writer());
    const auto ends = logs.Open();
    ASSERT_TRUE(ends.ok());
    Say(ends->output, LogLines::Mark(5, "Load") + "fine\n");
    Say(ends->error, LogLines::Mark(5, "Load") + "not fine");
    WorkerLogs::CloseEnds(*ends);
  }
  EXPECT_EQ(output.ReadAll(), "(Load pid=5) fine\n");
  EXPECT_EQ(error.ReadAll(), "(Load pid=5) not fine\n");
}

TEST(WorkerLogs, TheEndDoesNotWaitForThoseWhoHoldPipes) {
  Pipe output;
  WorkerLogs::Ends ends;
  {
    WorkerLogs logs(true, output.writer(), output.writer());
    ends = logs.Open().value();
    Say(ends.output, "no end");
  }
  EXPECT_EQ(output.ReadAll(), "(pid=?) no end\n");
  WorkerLogs::CloseEnds(ends);
}

TEST(WorkerLogs, NothingIsLostOfMuch) {
  Pipe output;
  constexpr int kLines = 20'000;
  constexpr int kProcesses = 3;
  std::string all;
  std::thread reader([&] { all = output.ReadUntilEnd(); });
  {
    WorkerLogs logs(true, output.writer(), output.writer());
    std::vector<std::thread> processes;
    for (int i = 0; i < kProcesses; ++i) {
      const auto ends = logs.Open().value();
      processes.emplace_back([ends, i] {
        FILE* file = fdopen(ends.output, "w");
        for (int line = 0; line < kLines; ++line) std::fprintf(file, "%d:%d\n", i, line);
        std::fclose(file);
        close(ends.error);
      });
    }
    for (auto& process : processes) process.join();
  }
  output.CloseWriter();
  reader.join();
  std::array<int, kProcesses> next{};
  std::istringstream lines(all);
  for (std::string line; std::getline(lines, line);) {
    int process = 0;
    int number = 0;
    ASSERT_EQ(std::sscanf(line.c_str(), "(pid=?) %d:%d", &process, &number), 2) << line;
    ASSERT_EQ(number, next.at(static_cast<size_t>(process))++) << line;
  }
  EXPECT_THAT(next, testing::Each(kLines));
}

TEST(WorkerLogs, NobodyReads) {
  Pipe output;
  output.CloseReader();
  WorkerLogs logs(true, output.writer(), -1);
  const auto ends = logs.Open().value();
  Say(ends.output, "to nobody\n");
  Say(ends.error, "to nothing\n");
  WorkerLogs::CloseEnds(ends);
}

TEST(WorkerLogs, OrNothingAtAll) {
  Pipe output;
  {
    WorkerLogs logs(false, output.writer(), output.writer());
    const auto ends = logs.Open().value();
    Say(ends.output, "to nobody\n");
    Say(ends.error, "to nobody\n");
    WorkerLogs::CloseEnds(ends);
  }
  EXPECT_EQ(output.ReadAll(), "");
}

TEST(LogSink, AFullPipeIsNotWaitedFor) {
  Pipe pipe;
  pipe.Fill();
  LogSink sink(pipe.writer());
  TimePoint now{std::chrono::seconds(100)};
  sink.Add("a", now);
  sink.Write(now);
  EXPECT_TRUE(sink.wants_to_write());
  EXPECT_FALSE(sink.is_full(now));
  const std::string line(1023, 'y');
  while (!sink.is_full(now)) sink.Add(line, now);
  EXPECT_EQ(sink.stuck_at(), now + LogSink::kPatience);
  now += LogSink::kPatience;
  sink.Write(now);
  EXPECT_TRUE(sink.is_stuck(now));
  EXPECT_FALSE(sink.is_full(now));  // who writes need not wait any more
  sink.Add("left out", now);
  sink.Add("left out", now);

  std::string all;
  while (sink.wants_to_write()) {
    all += pipe.ReadSome();
    sink.Write(now);
  }
  sink.Add("again", now);
  all += pipe.ReadSome();
  sink.Write(now);
  all += pipe.ReadAll();
  EXPECT_THAT(all, HasSubstr("(2 lines of tasks were left out"));
  EXPECT_THAT(all, testing::EndsWith("again\n"));
}

TEST(LogSink, GoesOnWhenThereIsRoom) {
  Pipe pipe;
  LogSink sink(pipe.writer());
  const TimePoint now{std::chrono::seconds(100)};
  sink.Add("one", now);
  sink.Add(std::string(10'000, 'x'), now);
  sink.Write(now);
  EXPECT_FALSE(sink.wants_to_write());
  EXPECT_EQ(sink.stuck_at(), kNever);
  EXPECT_EQ(pipe.ReadAll(), "one\n" + std::string(10'000, 'x') + "\n");
}

}  // namespace
}  // namespace triune::compute
