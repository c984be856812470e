// From RuntimeEnv to processes.
#pragma once

#include "compute/process/zygote.h"
#include "triune/core/runtime_env.h"
#include "triune/core/task_options.h"
#include "triune/status.h"

namespace triune::compute {

/// InvalidArgument, with what is wrong with it.
Status CheckRuntimeEnv(const RuntimeEnv& environment, Isolation isolation);
/// Equal for those that may share a process.
WorkerSetting SettingOf(const RuntimeEnv& environment);

}  // namespace triune::compute
