#include "compute/local/ledger.h"

#include <algorithm>
#include <span>
#include <utility>

#include "compute/placement/place.h"

namespace triune::compute {

Ledger::Ledger(Amounts total) : total_(std::move(total)), node_(NodeResources(total_)) {}

bool Ledger::FitsOn(const NodeResources& resources, const Want& want) {
  if (want.bundles.empty()) return resources.Covers(want.amounts);
  return resources.amounts().Covers(want.amounts) &&
         Place(want.bundles, want.strategy, std::span(&resources, 1)).has_value();
}

std::vector<const Ledger::Part*> Ledger::PartsFor(const Want& want) const {
  if (want.group == 0) return {&node_};
  std::vector<const Part*> parts;
  auto found = groups_.find(want.group);
  if (found == groups_.end()) return parts;
  for (size_t i = 0; i < found->second.size(); ++i) {
    if (want.bundle < 0 || static_cast<size_t>(want.bundle) == i) parts.push_back(&found->second[i]);
  }
  return parts;
}

bool Ledger::Suits(const Want& want) const { return FitsOn(NodeResources(total_), want); }

const Ledger::Part* Ledger::FindFree(const Want& want, const Kept& kept) const {
  for (const Part* part : PartsFor(want)) {
    if (FitsOn(part->free, want) && kept.Allows(*part, want.amounts)) return part;
  }
  return nullptr;
}

bool Ledger::Fits(const Want& want, const Kept& kept) const { return FindFree(want, kept) != nullptr; }

bool Ledger::CouldFit(const Want& want) const {
  const auto parts = PartsFor(want);
  return std::any_of(parts.begin(), parts.end(), [&](const Part* part) { return FitsOn(part->not_for_life, want); });
}

Holding Ledger::Take(const Want& want, const Kept& kept, bool for_life) {
  Holding holding{.amounts = want.amounts, .group = want.group, .for_life = for_life};
  const Part* part = FindFree(want, kept);
  if (want.group != 0) holding.bundle = static_cast<size_t>(part - groups_.at(want.group).data());
  Part& of = PartOf(holding);
  holding.gpus = of.free.ChooseGpus(want.amounts);
  of.free.Subtract(holding.amounts, holding.gpus);
  if (for_life) {
    of.coming.Subtract(holding.amounts, holding.gpus);
    of.not_for_life.Subtract(holding.amounts, holding.gpus);
  }
  Lend(of);
  return holding;
}

void Ledger::Return(Holding& holding) {
  if (holding.is_returned) return;
  Count(holding, -holding.active, -holding.waiting);
  holding.is_returned = true;
  Part& of = PartOf(holding);
  of.free.Add(holding.amounts, holding.gpus);
  if (holding.for_life) {
    of.coming.Add(holding.amounts, holding.gpus);
    of.not_for_life.Add(holding.amounts, holding.gpus);
  }
  Lend(of);
}

void Ledger::Count(Holding& holding, int active, int waiting) {
  if (holding.is_returned) return;
  holding.active += active;
  holding.waiting += waiting;
  const bool lends = holding.waiting > 0 && holding.active == 0;
  if (lends == holding.is_lent) return;
  holding.is_lent = lends;
  Part& of = PartOf(holding);
  const int64_t cpus = lends ? holding.amounts.cpus() : -holding.amounts.cpus();
  of.free.AddCpus(cpus);
  of.waiting_cpus += cpus;
  if (!holding.for_life) {
    // It may wait for somebody who waits for just that.
    const Amounts others = holding.amounts.without_cpus();
    lends ? of.coming.Subtract(others, holding.gpus) : of.coming.Add(others, holding.gpus);
  }
  Lend(of);
}

Ledger::Part& Ledger::PartOf(const Holding& holding) {
  auto found = groups_.find(holding.group);
  return holding.group == 0 || found == groups_.end() ? node_ : found->second[holding.bundle];
}

/// What those who wait leave of a bundle's processors, and nobody else in the group takes.
void Ledger::Lend(Part& bundle) {
  if (&bundle == &node_) return;
  const int64_t lent = std::clamp<int64_t>(bundle.free.amounts().cpus(), 0, std::max<int64_t>(bundle.waiting_cpus, 0));
  node_.free.AddCpus(lent - bundle.lent_cpus);
  bundle.lent_cpus = lent;
}

void Ledger::AddGroup(uint64_t id, const Want& want) {
  std::vector<NodeResources> bundles(want.bundles.size());
  for (size_t i : LargestFirst(want.bundles)) {
    const Amounts& amounts = want.bundles[i];
    const std::vector<int> gpus = node_.free.ChooseGpus(amounts);
    node_.free.Subtract(amounts, gpus);
    node_.coming.Subtract(amounts, gpus);
    node_.not_for_life.Subtract(amounts, gpus);
    bundles[i].Add(amounts, gpus);
  }
  Group& group = groups_[id];
  for (NodeResources& bundle : bundles) group.emplace_back(std::move(bundle));
}

void Ledger::RemoveGroup(uint64_t id) {
  auto found = groups_.find(id);
  if (found == groups_.end()) return;
  for (Part& bundle : found->second) {
    node_.free.AddCpus(-bundle.lent_cpus);
    node_.free.Add(bundle.free);
    node_.coming.Add(bundle.coming);
    node_.not_for_life.Add(bundle.not_for_life);
  }
  groups_.erase(found);
}

void Ledger::Kept::Add(const Ledger& ledger, const Want& want) {
  for (const Part* part : ledger.PartsFor(want)) {
    if (!FitsOn(part->coming, want)) continue;
    Amounts lacking = part->free.LackingOf(want.amounts);
    // There is enough for a group, but its parts do not fit.
    if (lacking.empty() && !FitsOn(part->free, want)) lacking.Add(want.amounts);
    amounts_[part].Add(lacking);
    return;
  }
}

bool Ledger::Kept::Allows(const Part& part, const Amounts& amounts) const {
  auto found = amounts_.find(&part);
  return found == amounts_.end() || !found->second.SharesWith(amounts);
}

}  // namespace triune::compute
