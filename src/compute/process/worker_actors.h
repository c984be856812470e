// Actors as tasks in a process see them: all are the driver's.
#pragma once

#include <string_view>

#include "compute/process/driver_connection.h"
#include "triune/core/detail/actor_reference.h"

namespace triune::compute {

/// Thread-safe.
class WorkerActors final : public detail::DriverActors {
 public:
  explicit WorkerActors(DriverConnection& driver) : driver_(driver) {}

  Status Create(detail::ActorCore& cell, detail::CreationTask& creation) override;
  Status Find(std::string_view name, detail::ActorCore& cell) override;
  void Call(detail::ActorCore& cell, detail::ActorTask& call, detail::ReceivedObject& result) override;
  void Kill(detail::ActorCore& cell, bool restart) noexcept override;
  detail::ObjectPointer Ready(detail::ActorCore& cell) override;

 private:
  Status SendCall(detail::ActorCore& cell, detail::ActorTask& call, detail::ReceivedObject& result);
  void StandFor(detail::ActorCore& cell, uint64_t handle);

  DriverConnection& driver_;
};

}  // namespace triune::compute
