#include "telemetry/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <atomic>
#include <charconv>
#include <iterator>
#include <memory>

#include "telemetry/log_line.h"

namespace triune::telemetry {
namespace {

std::atomic<LogLevel> log_level{LogLevel::kInfo};
std::atomic<LogFormat> log_format{LogFormat::kText};

/// spdlog writes the time, which it formats once a second. The rest (%v) is the line that Log() made.
void SetPattern(spdlog::logger& logger, LogFormat format) {
  const char* pattern =
      format == LogFormat::kText ? "%Y-%m-%dT%H:%M:%S.%eZ %v" : R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ",%v})";
  logger.set_pattern(pattern, spdlog::pattern_time_type::utc);
}

/// One sink, one lock: a line is never torn. Leaked, so that destructors of other statics may still log.
spdlog::logger& Logger() {
  static spdlog::logger& logger = *[] {
    auto* made = new spdlog::logger("triune", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    SetPattern(*made, LogFormat::kText);
    return made;
  }();
  return logger;
}

}  // namespace

LogField::LogField(std::string_view k, double v) : key(k), is_number(true) {
  char text[512];  // longer than the longest double without an exponent, which log readers seldom understand
  auto [end, error] = std::to_chars(std::begin(text), std::end(text), v, std::chars_format::fixed);
  value.assign(text, end);
}

Result<LogLevel> ParseLogLevel(std::string_view name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  if (name == "off") return LogLevel::kOff;
  return InvalidArgument("unknown log level: got " + std::string(name) + ", want debug, info, warning, error or off");
}

void ConfigureLog(LogLevel level, LogFormat format) {
  log_level.store(level, std::memory_order_relaxed);
  log_format.store(format, std::memory_order_relaxed);
  SetPattern(Logger(), format);
}

bool LogEnabled(LogLevel level) {
  return level >= log_level.load(std::memory_order_relaxed) && level != LogLevel::kOff;
}

void Log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (!LogEnabled(level)) return;
  bool text = log_format.load(std::memory_order_relaxed) == LogFormat::kText;
  std::string line = text ? TextLine(level, event, fields) : JsonLine(level, event, fields);
  // The message is given as a value, not as a format: braces in it are text.
  Logger().log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace triune::telemetry
