// What a session inside of a process for tasks has of its own: nothing.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "compute/placement/placement_group_core.h"
#include "triune/core/detail/resources.h"

namespace triune::compute {

/// Placement groups can't be made there; the driver sees to what actors ask for.
class ForeignResources final : public detail::Resources {
 public:
  Status Check(const ActorOptions&) const override { return {}; }
  ActorOptions Captured(ActorOptions options) const override { return options; }
  void Reserve(detail::ActorCore&) noexcept override {}
  PlacementGroup CreatePlacementGroup(PlacementGroupOptions options) override {
    auto core = std::make_shared<detail::PlacementGroupCore>(this, std::move(options));
    core->state = PlacementGroupState::kRemoved;
    core->ready->SetReady(Refusal("placement groups"));
    return PlacementGroup(std::move(core));
  }
  bool RemovePlacementGroup(const PlacementGroup&) override { return false; }
  Result<PlacementGroup> GetPlacementGroup(std::string_view) const override { return Refusal("placement groups"); }
  std::vector<PlacementGroupInfo> PlacementGroups() const override { return {}; }
  std::map<std::string, double> Total() const override { return {}; }
  std::map<std::string, double> Available() const override { return {}; }

 private:
  static Status Refusal(const char* what) {
    return Unimplemented(std::string(what) + " can't be made or asked for by tasks in processes");
  }
};

}  // namespace triune::compute
