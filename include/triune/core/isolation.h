// Where tasks and actors run.
#pragma once

#include <cstdint>

namespace triune {

/// kProcess: in another process of the same program, which a crash, a leak or a call of exit costs nothing but this
/// task or actor; for functions and classes that are registered (triune/core/remote.h).
enum class Isolation : uint8_t { kThread, kProcess };
inline constexpr Isolation kThread = Isolation::kThread;
inline constexpr Isolation kProcess = Isolation::kProcess;

}  // namespace triune
