// Amounts of CPU and memory as Kubernetes writes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "triune/status.h"

namespace triune::resource {

/// A Kubernetes quantity: "500m", "2", "0.5", "1Gi", "1e3". Kept to nano units; finer values are rounded up (away from
/// zero), and values beyond 2^63-1 are capped, as Kubernetes does. Value type.
class Quantity {
 public:
  Quantity() = default;
  /// `<sign><digits>[.<digits>]<suffix>`, suffix one of n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or e/E and an exponent.
  static Result<Quantity> Parse(std::string_view text);

  /// Whole units (bytes, CPUs), rounded up; capped to int64.
  int64_t Value() const { return InUnitsOf(kNanosPerUnit); }
  /// Thousandths, rounded up; capped to int64. 500 for "500m" and "0.5".
  int64_t MilliValue() const { return InUnitsOf(kNanosPerUnit / 1000); }
  bool IsNegative() const { return nanos_ < 0; }
  /// As it was written.
  const std::string& text() const { return text_; }

  /// Equal amounts are equal, however they are written.
  friend bool operator==(const Quantity& a, const Quantity& b) { return a.nanos_ == b.nanos_; }
  friend bool operator<(const Quantity& a, const Quantity& b) { return a.nanos_ < b.nanos_; }

 private:
  using Nanos = __int128;  // 2^63 units of 10^9 nanos take 93 bits.
  static constexpr int64_t kNanosPerUnit = 1'000'000'000;
  int64_t InUnitsOf(int64_t nanos) const;

  Nanos nanos_ = 0;
  std::string text_ = "0";
};

}  // namespace triune::resource
