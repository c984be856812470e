// What a node has of each resource, and which of its GPUs.
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "compute/local/amounts.h"

namespace triune::compute {

/// A part of a GPU is a part of one of them, so that two halves of different ones are not a whole one.
/// Thread-compatible.
class NodeResources {
 public:
  NodeResources() = default;
  /// All GPUs are whole, but for the last.
  explicit NodeResources(Amounts total);

  const Amounts& amounts() const { return amounts_; }
  /// Whether all that is wanted is there.
  bool Covers(const Amounts& wanted) const;
  /// Those of `wanted` of which there is not enough.
  Amounts LackingOf(const Amounts& wanted) const;
  /// The numbers of the GPUs that would be taken. Covers(wanted) must be true.
  std::vector<int> ChooseGpus(const Amounts& wanted) const;
  /// `gpus`: which ones the GPUs of `amounts` are. May leave less than nothing.
  void Subtract(const Amounts& amounts, const std::vector<int>& gpus);
  void Add(const Amounts& amounts, const std::vector<int>& gpus);
  void Add(const NodeResources& other);
  void AddCpus(int64_t amount) { amounts_.AddCpus(amount); }

  /// Those of which there is more come later: GPUs first, then processors, then memory.
  std::strong_ordering CompareSize(const NodeResources& other) const;

 private:
  bool CoversGpus(int64_t wanted) const;

  Amounts amounts_;
  std::vector<int64_t> gpus_;  ///< What is left of each.
};

}  // namespace triune::compute
