// What all handles of a placement group refer to.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "triune/core/detail/object.h"
#include "triune/core/placement_group.h"

namespace triune::detail {

/// Thread-safe but for SetReady of ready(), which is for whoever owns the group.
class PlacementGroupCore {
 public:
  /// `owner`: who reserves what is in it; only compared.
  PlacementGroupCore(const void* owner, PlacementGroupOptions options);

  const uint64_t id;
  const void* const owner;
  const PlacementGroupOptions options;
  const ObjectPointer ready;
  std::atomic<PlacementGroupState> state{PlacementGroupState::kPending};

  /// For people: "placement group 'trial-7'", or with its number.
  std::string Name() const;
};

}  // namespace triune::detail
