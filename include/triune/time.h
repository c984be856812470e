// Points in time and how long things take.
#pragma once

#include <chrono>

namespace triune {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

/// "No deadline".
inline constexpr TimePoint kNever = TimePoint::max();

}  // namespace triune
