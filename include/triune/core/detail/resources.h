// What an engine has, and who is given it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "triune/core/actor_options.h"
#include "triune/core/detail/runnable.h"
#include "triune/core/placement_group.h"
#include "triune/status.h"

namespace triune::detail {

class ActorCore;

/// What an actor has been given, from its creation to its end. Thread-safe. It may outlive the engine.
class ActorLease {
 public:
  virtual ~ActorLease() = default;
  /// Instead of Engine::Schedule: what an actor with processors of its own runs does not wait for others.
  virtual void Schedule(Runnable& work) noexcept = 0;
  /// Runs the body on this thread, as the actor.
  virtual void Around(const std::function<void()>& body) noexcept = 0;
  /// Gives all back.
  virtual void Release() noexcept = 0;
};

/// Thread-safe.
class Resources {
 public:
  /// Whether such an actor can ever be.
  virtual Status Check(const ActorOptions& options) const = 0;
  /// The options of an actor that the task on this thread makes: it may be in the task's placement group.
  virtual ActorOptions Captured(ActorOptions options) const = 0;
  /// Calls Granted of the actor when there is what its options ask for, unless its creation is abandoned before that.
  virtual void Reserve(ActorCore& actor) noexcept = 0;

  virtual PlacementGroup CreatePlacementGroup(PlacementGroupOptions options) = 0;
  /// False when it was removed before, or is of another session.
  virtual bool RemovePlacementGroup(const PlacementGroup& group) = 0;
  virtual Result<PlacementGroup> GetPlacementGroup(std::string_view name) const = 0;
  virtual std::vector<PlacementGroupInfo> PlacementGroups() const = 0;

  virtual std::map<std::string, double> Total() const = 0;
  virtual std::map<std::string, double> Available() const = 0;

 protected:
  ~Resources() = default;
};

}  // namespace triune::detail
