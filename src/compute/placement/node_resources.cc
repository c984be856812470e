#include "compute/placement/node_resources.h"

#include <algorithm>
#include <tuple>

namespace triune::compute {

NodeResources::NodeResources(Amounts total)
    : amounts_(std::move(total)),
      gpus_(static_cast<size_t>((amounts_.gpus() + Amounts::kOne - 1) / Amounts::kOne), Amounts::kOne) {
  if (int64_t part = amounts_.gpus() % Amounts::kOne; part != 0) gpus_.back() = part;
}

bool NodeResources::CoversGpus(int64_t wanted) const {
  if (wanted == 0) return true;
  const int64_t of_each = std::min(wanted, Amounts::kOne);
  return std::count_if(gpus_.begin(), gpus_.end(), [&](int64_t left) { return left >= of_each; }) * of_each >= wanted;
}

bool NodeResources::Covers(const Amounts& wanted) const { return amounts_.Covers(wanted) && CoversGpus(wanted.gpus()); }

Amounts NodeResources::LackingOf(const Amounts& wanted) const {
  Amounts lacking = amounts_.LackingOf(wanted);
  // There may be enough, but not of one.
  if (lacking.gpus() == 0 && !CoversGpus(wanted.gpus())) lacking.Add(wanted.gpus_only());
  return lacking;
}

std::vector<int> NodeResources::ChooseGpus(const Amounts& wanted) const {
  std::vector<int> chosen;
  const int64_t amount = wanted.gpus();
  if (amount == 0) return chosen;
  const int64_t of_each = std::min(amount, Amounts::kOne);
  // The fullest that will do: whole ones stay for those who want them.
  std::vector<size_t> order(gpus_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return gpus_[a] < gpus_[b]; });
  for (size_t i : order) {
    if (gpus_[i] < of_each || static_cast<int64_t>(chosen.size()) * of_each >= amount) continue;
    chosen.push_back(static_cast<int>(i));
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

void NodeResources::Subtract(const Amounts& amounts, const std::vector<int>& gpus) {
  amounts_.Subtract(amounts);
  for (int gpu : gpus) gpus_[static_cast<size_t>(gpu)] -= std::min(amounts.gpus(), Amounts::kOne);
}

void NodeResources::Add(const Amounts& amounts, const std::vector<int>& gpus) {
  amounts_.Add(amounts);
  for (int gpu : gpus) {
    // The part of a node that a bundle is has only the GPUs that it was given.
    if (gpus_.size() <= static_cast<size_t>(gpu)) gpus_.resize(static_cast<size_t>(gpu) + 1);
    gpus_[static_cast<size_t>(gpu)] += std::min(amounts.gpus(), Amounts::kOne);
  }
}

void NodeResources::Add(const NodeResources& other) {
  amounts_.Add(other.amounts_);
  if (gpus_.size() < other.gpus_.size()) gpus_.resize(other.gpus_.size());
  for (size_t i = 0; i < other.gpus_.size(); ++i) gpus_[i] += other.gpus_[i];
}

std::strong_ordering NodeResources::CompareSize(const NodeResources& other) const {
  auto size = [](const Amounts& amounts) {
    return std::make_tuple(amounts.gpus(), amounts.cpus(), amounts.Get("memory"));
  };
  return size(amounts_) <=> size(other.amounts_);
}

}  // namespace triune::compute
