#include "platform/kserve_flags.h"

#include <algorithm>
#include <array>

namespace triune::platform {
namespace {

constexpr std::array kMeaningless = std::to_array<std::string_view>({
    "workers",
    "max_asyncio_workers",
    "enable_docs_url",
    "enable_latency_logging",
    "configure_logging",
    "log_config_file",
    "access_log_format",
    "event-loop",
    "grpc_max_send_message_length",
    "protocol",
    "predictor_host",
    "predictor_protocol",
    "predictor_use_ssl",
    "predictor_request_timeout_seconds",
    "predictor_request_retries",
    "enable_predictor_health_check",
});
constexpr std::array kServerFlags = std::to_array<std::string_view>({
    "http_port",
    "grpc_port",
    "model_dir",
    "enable_grpc",
    "max_threads",
    "grpc_max_receive_message_length",
    "timeout-keep-alive",
});
constexpr std::array kModelName = std::to_array<std::string_view>({"model_name"});
constexpr std::array kTlsFlags = std::to_array<std::string_view>({"ssl_certfile", "ssl_keyfile"});

bool IsOneOf(std::string_view name, std::span<const std::string_view> flags) {
  auto same = [](char a, char b) { return a == b || ((a == '-' || a == '_') && (b == '-' || b == '_')); };
  return std::ranges::any_of(flags, [&](std::string_view flag) { return std::ranges::equal(name, flag, same); });
}

}  // namespace

KServeFlag KServeFlagOf(std::string_view name) {
  if (IsOneOf(name, kModelName)) return KServeFlag::kModelName;
  if (name == "nthread") return KServeFlag::kThreads;
  if (IsOneOf(name, kTlsFlags)) return KServeFlag::kTls;
  if (IsOneOf(name, kServerFlags)) return KServeFlag::kServer;
  return IsOneOf(name, kMeaningless) ? KServeFlag::kNoEffect : KServeFlag::kNone;
}

std::span<const std::string_view> MeaninglessKServeFlags() { return kMeaningless; }

}  // namespace triune::platform
