// Who has been given what of a node.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "compute/local/amounts.h"
#include "compute/placement/node_resources.h"
#include "triune/core/placement_group.h"

namespace triune::compute {

/// What somebody asks for.
struct Want {
  uint64_t group = 0;  ///< Out of which placement group; 0: none.
  int bundle = -1;     ///< Of the group; -1: any.
  /// For a new group: its bundles. `amounts` is all of them together.
  std::vector<Amounts> bundles{};
  PlacementStrategy strategy = PlacementStrategy::kPack;
  Amounts amounts{};

  auto operator<=>(const Want&) const = default;
};

/// What somebody has been given.
struct Holding {
  Amounts amounts{};
  std::vector<int> gpus{};
  uint64_t group = 0;  ///< 0: none.
  size_t bundle = 0;
  bool for_life = false;  ///< Of an actor: nobody may wait for its end.
  bool is_returned = false;
  int active = 0;   ///< Threads that run with it,
  int waiting = 0;  ///< and those that wait for something.
  bool is_lent = false;
};

/// The books of one node. Processors of those who wait for something may be given to others meanwhile, so that what is
/// waited for can run; what else they have stays theirs. Those who go on take their processors back, and there may be
/// less than nothing left for a moment. Thread-compatible.
class Ledger {
 public:
  explicit Ledger(Amounts total);

  /// What is kept for those who have waited long.
  class Kept;

  const Amounts& total() const { return total_; }
  /// Whether it could ever be given, when nothing was given away. Not for what is wanted of a group.
  bool Suits(const Want& want) const;
  /// Whether it can be given now, but for what is kept.
  bool Fits(const Want& want, const Kept& kept) const;
  /// Whether it could be given if all who have something, but not for life, gave it back.
  bool CouldFit(const Want& want) const;
  /// Fits must be true. `want` is not for a new group.
  Holding Take(const Want& want, const Kept& kept, bool for_life);
  void Return(Holding& holding);
  /// So many more, or less, run with it or wait.
  void Count(Holding& holding, int active, int waiting);

  /// Fits must be true.
  void AddGroup(uint64_t id, const Want& want);
  /// What is in use of it comes back when it is returned.
  void RemoveGroup(uint64_t id);
  bool HasGroup(uint64_t id) const { return groups_.contains(id); }

  /// May be less than nothing.
  const Amounts& available() const { return node_.free.amounts(); }
  /// Of those that nobody has for life.
  int64_t cpus_for_tasks() const { return node_.not_for_life.amounts().cpus(); }

 private:
  /// The node, or a bundle.
  struct Part {
    explicit Part(NodeResources all) : free(all), coming(all), not_for_life(std::move(all)) {}
    NodeResources free;
    NodeResources coming;        ///< Free, or had by somebody who will give it back and waits for nothing.
    NodeResources not_for_life;  ///< Free, or had by somebody who will give it back.
    int64_t waiting_cpus = 0;    ///< Of a bundle: of those who wait.
    int64_t lent_cpus = 0;       ///< Of a bundle, to the rest of the node.
  };
  using Group = std::vector<Part>;

  Part& PartOf(const Holding& holding);
  /// Those out of which it may be given.
  std::vector<const Part*> PartsFor(const Want& want) const;
  static bool FitsOn(const NodeResources& resources, const Want& want);
  const Part* FindFree(const Want& want, const Kept& kept) const;
  void Lend(Part& bundle);

  const Amounts total_;
  Part node_;
  std::map<uint64_t, Group> groups_;
};

class Ledger::Kept {
 public:
  /// Keeps what is lacking of it, if it is known to come.
  void Add(const Ledger& ledger, const Want& want);

 private:
  friend class Ledger;
  bool Allows(const Part& part, const Amounts& amounts) const;
  std::map<const Part*, Amounts> amounts_;
};

}  // namespace triune::compute
