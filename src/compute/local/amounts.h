// How much there is of each resource.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "triune/core/task_options.h"
#include "triune/status.h"

namespace triune::compute {

/// By Ray's names ("CPU", "GPU", "memory", and whatever else), in ten thousandths; what is not listed is 0.
class Amounts {
 public:
  static constexpr int64_t kOne = 10000;

  /// InvalidArgument when one is negative, not finite, too large, or not representable.
  static Result<Amounts> Of(double cpus, double gpus, double memory, const std::map<std::string, double>& others);

  int64_t cpus() const { return Get("CPU"); }
  int64_t gpus() const { return Get("GPU"); }
  int64_t Get(const std::string& name) const;
  /// Whether all that is wanted is there.
  bool Covers(const Amounts& wanted) const;
  void Add(const Amounts& other);
  /// May leave less than nothing.
  void Subtract(const Amounts& other);
  /// Those of `wanted` of which there is not enough.
  Amounts LackingOf(const Amounts& wanted) const;
  /// Whether both name the same resource.
  bool SharesWith(const Amounts& other) const;
  Amounts cpus_only() const;
  Amounts gpus_only() const;
  Amounts without_cpus() const;
  void AddCpus(int64_t amount);
  /// Whether there is nothing of anything.
  bool empty() const;
  /// In whole units, by name.
  std::map<std::string, double> ToNumbers() const;
  /// "CPU 2, GPU 0.5".
  std::string ToString() const;

  auto operator<=>(const Amounts&) const = default;

 private:
  std::map<std::string, int64_t> amounts_;
};

}  // namespace triune::compute
