#include "triune/core/placement_group.h"

#include <array>

#include "base/strings.h"
#include "compute/placement/placement_group_core.h"

namespace triune {
namespace detail {
namespace {

uint64_t NewGroupId() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

class GroupReady final : public Object {};

}  // namespace

PlacementGroupCore::PlacementGroupCore(const void* owned_by, PlacementGroupOptions wanted)
    : id(NewGroupId()), owner(owned_by), options(std::move(wanted)), ready(ObjectPointer::Adopt(new GroupReady)) {}

std::string PlacementGroupCore::Name() const {
  return "placement group " + (options.name.empty() ? std::to_string(id) : Quoted(options.name));
}

}  // namespace detail

std::string_view PlacementStrategyName(PlacementStrategy strategy) {
  static constexpr std::array<std::string_view, 4> kNames = {"PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD"};
  return kNames[static_cast<size_t>(strategy)];
}

std::string_view PlacementGroupStateName(PlacementGroupState state) {
  static constexpr std::array<std::string_view, 3> kNames = {"PENDING", "CREATED", "REMOVED"};
  return kNames[static_cast<size_t>(state)];
}

ObjectRef<void> PlacementGroup::Ready() const { return ObjectRef<void>(core_->ready); }
PlacementGroupState PlacementGroup::state() const { return core_->state.load(); }
uint64_t PlacementGroup::id() const { return core_->id; }
const PlacementGroupOptions& PlacementGroup::options() const { return core_->options; }

}  // namespace triune
