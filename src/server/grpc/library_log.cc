#include "server/grpc/library_log.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>

#include "telemetry/log.h"

namespace triune::server::grpc_api {
namespace {

void LogLine(gpr_log_func_args* line) {
  using telemetry::LogLevel;
  // Errors of the library are a client's or the network's doing; what concerns the user is returned as a Status too.
  LogLevel level = line->severity == GPR_LOG_SEVERITY_ERROR ? LogLevel::kWarning : LogLevel::kDebug;
  telemetry::Log(level, "gRPC", {telemetry::LogField("detail", line->message)});
}

}  // namespace

void TakeOverLibraryLogs() {
  gpr_set_log_function(&LogLine);
  google::protobuf::SetLogHandler(nullptr);
}

}  // namespace triune::server::grpc_api
