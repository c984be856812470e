#include "telemetry/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>
#include <vector>

namespace triune::telemetry {
namespace {

using ::testing::MatchesRegex;

/// What `write` puts on standard error.
template <typename F>
std::string Captured(LogLevel level, LogFormat format, F write) {
  ConfigureLog(level, format);
  testing::internal::CaptureStderr();
  write();
  std::string text = testing::internal::GetCapturedStderr();
  ConfigureLog(LogLevel::kInfo, LogFormat::kText);
  return text;
}

std::string WithoutTime(const std::string& line) { return line.substr(line.find(' ') + 1); }

std::vector<std::string> Lines(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(LogTest, WritesTimeLevelEventAndFieldsAsText) {
  std::string text = Captured(LogLevel::kInfo, LogFormat::kText, [] {
    LogInfo("model loaded", {{"model", "iris"}, {"runtime", "onnx"}, {"bytes", int64_t{12}}});
  });
  EXPECT_THAT(text, MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z "
                                 "INFO model loaded model=iris runtime=onnx bytes=12\n"));
}

TEST(LogTest, WritesOneJsonObjectALine) {
  std::string text = Captured(LogLevel::kDebug, LogFormat::kJson, [] {
    LogWarning("model slow", {{"model", "iris"}, {"ms", 12.5}, {"count", uint64_t{18446744073709551615U}}});
    LogDebug("second");
  });
  std::vector<std::string> lines = Lines(text);
  ASSERT_EQ(lines.size(), 2U);
  auto first = nlohmann::json::parse(lines[0]);
  EXPECT_THAT(first["time"].get<std::string>(), MatchesRegex("....-..-..T..:..:..\\....Z"));
  EXPECT_EQ(first["level"], "WARNING");
  EXPECT_EQ(first["event"], "model slow");
  EXPECT_EQ(first["model"], "iris");
  EXPECT_EQ(first["ms"], 12.5);
  EXPECT_EQ(first["count"], 18446744073709551615U);
  EXPECT_EQ(nlohmann::json::parse(lines[1])["level"], "DEBUG");
}

TEST(LogTest, NumbersAreAsShortAsTheyCanBe) {
  std::string text = Captured(LogLevel::kInfo, LogFormat::kText, [] {
    LogInfo("drain", {{"a", 30.0}, {"b", 0.25}, {"c", 1e15}, {"d", -1e-7}});
  });
  EXPECT_EQ(WithoutTime(text), "INFO drain a=30 b=0.25 c=1000000000000000 d=-0.0000001\n");
  text = Captured(LogLevel::kInfo, LogFormat::kJson, [] {
    LogInfo("extremes", {{"most", std::numeric_limits<double>::max()}, {"least", -std::numeric_limits<double>::min()}});
  });
  auto line = nlohmann::json::parse(text);
  EXPECT_EQ(line["most"], std::numeric_limits<double>::max());
  EXPECT_EQ(line["least"], -std::numeric_limits<double>::min());
}

TEST(LogTest, ValuesCanNotForgeLinesOrFieldsOfText) {
  std::string text = Captured(LogLevel::kInfo, LogFormat::kText, [] {
    LogError("bad\nevent", {{"a", "x\n2026-01-01T00:00:00.000Z ERROR forged"},
                            {"b", "x y=1"},
                            {"c", "say \"hi\" \\"},
                            {"d", ""},
                            {"e", "\x1b[31mred\r\t"},
                            {"f", "\xc2\x9b\xe2\x80\xa8"},
                            {"g", "\xff\xc0\xaf"},
                            {"h", "Zürich"}});
  });
  ASSERT_EQ(Lines(text).size(), 1U);
  EXPECT_EQ(WithoutTime(text),
            "ERROR bad\\nevent a=\"x\\n2026-01-01T00:00:00.000Z ERROR forged\" b=\"x y=1\" "
            "c=\"say \\\"hi\\\" \\\\\" d=\"\" e=\"\\u001b[31mred\\r\\t\" f=\"\\u009b\\u2028\" g=\"\\xff\\xc0\\xaf\" "
            "h=\"Zürich\"\n");
}

TEST(LogTest, JsonStaysValidWhateverTheValues) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  std::string text = Captured(LogLevel::kInfo, LogFormat::kJson, [&] {
    LogInfo("odd", {{"all", all},
                    {"nan", std::nan("")},
                    {"inf", -std::numeric_limits<double>::infinity()},
                    {"level", "ERROR"},
                    {"a\"b", "\",\"level\":\"x"}});
  });
  ASSERT_EQ(Lines(text).size(), 1U);
  auto line = nlohmann::json::parse(text);
  std::string value = line["all"];
  EXPECT_EQ(value.substr(0, 128), all.substr(0, 128));
  EXPECT_EQ(value.size(), 128 + 128 * std::string("\uFFFD").size());
  EXPECT_EQ(line["nan"], "nan");
  EXPECT_EQ(line["inf"], "-inf");
  EXPECT_EQ(line["level"], "INFO");
  EXPECT_EQ(line["field_level"], "ERROR");
  EXPECT_EQ(line["a\"b"], "\",\"level\":\"x");
}

TEST(LogTest, BracesAndPercentSignsAreText) {
  std::string text = Captured(LogLevel::kInfo, LogFormat::kText, [] { LogInfo("{} %v {0", {{"f", "{:d}%n"}}); });
  EXPECT_EQ(WithoutTime(text), "INFO {} %v {0 f={:d}%n\n");
}

TEST(LogTest, LeavesOutWhatIsBelowTheLevel) {
  auto write = [] {
    LogDebug("debug");
    LogInfo("info");
    LogWarning("warning");
    LogError("error");
  };
  EXPECT_EQ(Lines(Captured(LogLevel::kDebug, LogFormat::kText, write)).size(), 4U);
  EXPECT_EQ(Lines(Captured(LogLevel::kWarning, LogFormat::kText, write)).size(), 2U);
  EXPECT_EQ(Captured(LogLevel::kOff, LogFormat::kText, write), "");
  ConfigureLog(LogLevel::kError, LogFormat::kText);
  EXPECT_FALSE(LogEnabled(LogLevel::kWarning));
  EXPECT_TRUE(LogEnabled(LogLevel::kError));
  ConfigureLog(LogLevel::kInfo, LogFormat::kText);
}

TEST(LogTest, LinesOfManyThreadsStayWhole) {
  constexpr int kThreads = 4;
  constexpr int kLines = 500;
  std::string long_value(300, 'x');
  std::string text = Captured(LogLevel::kInfo, LogFormat::kJson, [&] {
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kLines; ++i) LogInfo("line", {{"thread", t}, {"value", long_value}});
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  std::vector<std::string> lines = Lines(text);
  ASSERT_EQ(lines.size(), size_t{kThreads} * kLines);
  std::vector<int> per_thread(kThreads);
  for (const std::string& line : lines) {
    auto parsed = nlohmann::json::parse(line);
    EXPECT_EQ(parsed["value"], long_value);
    ++per_thread[parsed["thread"].get<size_t>()];
  }
  EXPECT_THAT(per_thread, testing::Each(kLines));
}

TEST(LogTest, ParsesLevels) {
  EXPECT_EQ(*ParseLogLevel("debug"), LogLevel::kDebug);
  EXPECT_EQ(*ParseLogLevel("info"), LogLevel::kInfo);
  EXPECT_EQ(*ParseLogLevel("warning"), LogLevel::kWarning);
  EXPECT_EQ(*ParseLogLevel("error"), LogLevel::kError);
  EXPECT_EQ(*ParseLogLevel("off"), LogLevel::kOff);
  auto bad = ParseLogLevel("loud");
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(bad.status().message(), "unknown log level: got loud, want debug, info, warning, error or off");
}

}  // namespace
}  // namespace triune::telemetry
