#include "base/clock.h"

namespace triune {

const Clock& Clock::System() {
  struct SystemClock final : Clock {
    TimePoint Now() const override { return std::chrono::steady_clock::now(); }
  };
  static const SystemClock clock;
  return clock;
}

}  // namespace triune
