// Resources that are reserved together, for tasks and actors to use.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "triune/core/object_ref.h"

namespace triune {

namespace detail {
class PlacementGroupCore;
}

/// What is reserved in one piece, on one node; by Ray's names, as in TaskOptions.
struct Bundle {
  double cpus = 0;
  double gpus = 0;
  double memory = 0;  ///< Bytes.
  std::map<std::string, double> resources{};
};

/// Which nodes the bundles are on.
enum class PlacementStrategy : uint8_t {
  kPack,          ///< On as few as possible.
  kSpread,        ///< On as many as possible.
  kStrictPack,    ///< All on one.
  kStrictSpread,  ///< Each on another.
};
/// "PACK", ...
std::string_view PlacementStrategyName(PlacementStrategy strategy);

struct PlacementGroupOptions {
  std::vector<Bundle> bundles{};  ///< One at least, and something in each.
  PlacementStrategy strategy = PlacementStrategy::kPack;
  std::string name{};  ///< By which GetPlacementGroup finds it; empty: none.
};

enum class PlacementGroupState : uint8_t {
  kPending,  ///< It waits for its resources.
  kCreated,  ///< It has them.
  kRemoved,  ///< It has been removed, or there can be none.
};
/// "PENDING", ...
std::string_view PlacementGroupStateName(PlacementGroupState state);

/// Refers to a group of bundles, all of which are reserved, or none. The group stays until
/// Session::RemovePlacementGroup, or the end of the session, also when nobody refers to it. Empty when
/// default-constructed. Thread-compatible; copies may be used on any thread.
class PlacementGroup {
 public:
  PlacementGroup() = default;
  explicit PlacementGroup(std::shared_ptr<detail::PlacementGroupCore> core) : core_(std::move(core)) {}
  explicit operator bool() const noexcept { return core_ != nullptr; }

  /// Ready when the bundles are reserved. An error when they can't be (InvalidArgument, AlreadyExists, kUnschedulable),
  /// or the group was removed before they were.
  ObjectRef<void> Ready() const;
  PlacementGroupState state() const;
  /// No other group of this process has it.
  uint64_t id() const;
  const PlacementGroupOptions& options() const;

  friend bool operator==(const PlacementGroup& a, const PlacementGroup& b) noexcept { return a.core_ == b.core_; }
  const std::shared_ptr<detail::PlacementGroupCore>& core() const noexcept { return core_; }

 private:
  std::shared_ptr<detail::PlacementGroupCore> core_;
};

/// A line of Ray's placement_group_table.
struct PlacementGroupInfo {
  uint64_t id = 0;
  std::string name;
  PlacementStrategy strategy = PlacementStrategy::kPack;
  std::vector<Bundle> bundles;
  PlacementGroupState state = PlacementGroupState::kPending;
};

}  // namespace triune
