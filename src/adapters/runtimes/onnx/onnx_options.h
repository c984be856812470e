// A model's parameters as ONNX Runtime's session options.
#pragma once

#include "adapters/runtimes/onnx/onnx_library.h"

namespace triune::onnx {

/// Parameters, with their defaults:
///   intra_op_threads=1            threads inside one operator; 0: one per core
///   inter_op_threads=1            threads across operators, when execution_mode=parallel
///   execution_mode=sequential     or parallel
///   graph_optimization_level=all  or disable, basic, extended
///   enable_cpu_mem_arena=true     keep freed memory for the next call
///   enable_mem_pattern=true       plan a call's memory from the one before
///   allow_spinning=false          threads wait busily for work: faster with several threads, burns cores
///   log_severity=warning          or verbose, info, error, fatal
/// InvalidArgument for a key or a value that is not among these.
Result<SessionOptionsPtr> MakeSessionOptions(const OnnxLibrary& library, const triune_model_config& config);

}  // namespace triune::onnx
