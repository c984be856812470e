// Actors as they are referred to in other processes, and from there.
#pragma once

#include <cstdint>
#include <string_view>
#include <typeinfo>

#include "triune/core/detail/actor.h"
#include "triune/core/detail/received_object.h"
#include "triune/status.h"

namespace triune::detail {

/// What a session in a process for tasks asks of the driver about actors. There, a cell only stands for one of the
/// driver's.
class DriverActors {
 public:
  virtual ~DriverActors() = default;
  /// The driver makes what the creation would, in a process of its own, and the cell stands for it.
  virtual Status Create(ActorCore& cell, CreationTask& creation) = 0;
  /// The cell stands for the driver's actor of that name. NotFound; InvalidArgument when it is of another type.
  virtual Status Find(std::string_view name, ActorCore& cell) = 0;
  /// The result gets what the driver says. The call is never started here.
  virtual void Call(ActorCore& cell, ActorTask& call, ReceivedObject& result) = 0;
  virtual void Kill(ActorCore& cell, bool restart) noexcept = 0;
  /// Ready when the actor is there, or an error.
  virtual ObjectPointer Ready(ActorCore& cell) = 0;
};

/// Refers to an actor in a value that is being encoded. Throws when there is none, or it can't be.
uint32_t AttachActor(ActorCore* actor);
/// The actor that has come with the value that is being decoded: one of this process of that type, or else what `make`
/// makes, which stands for the driver's. Throws when there is none.
Pointer<ActorCore> TakeActor(uint32_t number, const std::type_info& type, ActorCore* (*make)(Engine& engine));

template <typename A>
ActorCore* MakeActorCell(Engine& engine) {
  return new ActorCell<A>(engine, ActorOptions());
}

}  // namespace triune::detail
