#include "adapters/runtimes/onnx/onnx_options.h"

#include <array>

#include "adapters/runtimes/plugin_boundary.h"

namespace triune::onnx {
namespace {

constexpr int kMostThreads = 1024;

struct Options {
  int intra_op_threads = 1;
  int inter_op_threads = 1;
  int execution_mode = 0;
  int optimization = 3;
  int log_severity = 2;
  bool arena = true;
  bool pattern = true;
  bool spinning = false;
};

Result<Options> Read(const triune_model_config& config) {
  Options options;
  plugin::ParameterReader reader(config);
  TRIUNE_RETURN_IF_ERROR(reader.Int("intra_op_threads", 0, kMostThreads, &options.intra_op_threads));
  TRIUNE_RETURN_IF_ERROR(reader.Int("inter_op_threads", 0, kMostThreads, &options.inter_op_threads));
  TRIUNE_RETURN_IF_ERROR(reader.Choice("execution_mode", {"sequential", "parallel"}, &options.execution_mode));
  TRIUNE_RETURN_IF_ERROR(
      reader.Choice("graph_optimization_level", {"disable", "basic", "extended", "all"}, &options.optimization));
  TRIUNE_RETURN_IF_ERROR(reader.Bool("enable_cpu_mem_arena", &options.arena));
  TRIUNE_RETURN_IF_ERROR(reader.Bool("enable_mem_pattern", &options.pattern));
  TRIUNE_RETURN_IF_ERROR(reader.Bool("allow_spinning", &options.spinning));
  TRIUNE_RETURN_IF_ERROR(
      reader.Choice("log_severity", {"verbose", "info", "warning", "error", "fatal"}, &options.log_severity));
  TRIUNE_RETURN_IF_ERROR(reader.Finish());
  return options;
}

}  // namespace

Result<SessionOptionsPtr> MakeSessionOptions(const OnnxLibrary& library, const triune_model_config& config) {
  TRIUNE_ASSIGN_OR_RETURN(Options options, Read(config));
  constexpr std::array kLevels = {OptimizationLevel::kDisable, OptimizationLevel::kBasic, OptimizationLevel::kExtended,
                                  OptimizationLevel::kAll};
  const OrtApi& api = library.api;
  OrtSessionOptions* raw = nullptr;
  TRIUNE_RETURN_IF_ERROR(library.Check(api.CreateSessionOptions(&raw)));
  SessionOptionsPtr session = library.Own<SessionOptionsPtr>(raw);
  TRIUNE_RETURN_IF_ERROR(library.Check(api.SetSessionLogId(raw, config.name)));
  TRIUNE_RETURN_IF_ERROR(library.Check(api.SetSessionLogSeverityLevel(raw, options.log_severity)));
  TRIUNE_RETURN_IF_ERROR(library.Check(api.SetIntraOpNumThreads(raw, options.intra_op_threads)));
  TRIUNE_RETURN_IF_ERROR(library.Check(api.SetInterOpNumThreads(raw, options.inter_op_threads)));
  TRIUNE_RETURN_IF_ERROR(
      library.Check(api.SetSessionExecutionMode(raw, static_cast<ExecutionMode>(options.execution_mode))));
  TRIUNE_RETURN_IF_ERROR(
      library.Check(api.SetSessionGraphOptimizationLevel(raw, kLevels[static_cast<size_t>(options.optimization)])));
  TRIUNE_RETURN_IF_ERROR(library.Check(options.arena ? api.EnableCpuMemArena(raw) : api.DisableCpuMemArena(raw)));
  TRIUNE_RETURN_IF_ERROR(library.Check(options.pattern ? api.EnableMemPattern(raw) : api.DisableMemPattern(raw)));
  const char* spinning = options.spinning ? "1" : "0";
  TRIUNE_RETURN_IF_ERROR(library.Check(api.AddSessionConfigEntry(raw, "session.intra_op.allow_spinning", spinning)));
  TRIUNE_RETURN_IF_ERROR(library.Check(api.AddSessionConfigEntry(raw, "session.inter_op.allow_spinning", spinning)));
  return session;
}

}  // namespace triune::onnx
