#include "triune/core/detail/actor_reference.h"

#include <stdexcept>

#include "compute/actor_object.h"
#include "compute/process/worker_engine.h"
#include "triune/core/detail/encoder.h"
#include "triune/core/detail/names.h"

namespace triune::detail {

uint32_t AttachActor(ActorCore* actor) {
  Encoder* encoder = Encoder::Current();
  if (encoder == nullptr) {
    throw std::logic_error("handles of actors can be packed only as part of an argument or a result");
  }
  if (actor == nullptr) throw std::invalid_argument("an empty handle of an actor");
  if (const ObjectPointer& known = actor->stands_for()) return encoder->Attach(known, nullptr);
  return encoder->Attach(ObjectPointer::Adopt(new compute::ActorObject(Pointer<ActorCore>(actor))), nullptr);
}

Pointer<ActorCore> TakeActor(uint32_t number, const std::type_info& type, ActorCore* (*make)(Engine& engine)) {
  const Decoder* decoder = Decoder::Current();
  if (decoder == nullptr || decoder->references() == nullptr) throw std::logic_error("no references have come with it");
  static constexpr auto kMake = []() -> ReceivedObject* { return new TypedReceivedObject<void>(); };
  ObjectPointer object =
      decoder->references()->Take(number, {.type = &typeid(ActorCore), .codec = nullptr, .make = kMake});
  if (const auto* here = dynamic_cast<compute::ActorObject*>(object.get())) {
    if (here->actor().type() != type) {
      throw std::invalid_argument("an actor of another type: " + TypeName(here->actor().type()));
    }
    return Pointer<ActorCore>(&here->actor());
  }
  Session* session = Session::Current();
  if (session == nullptr) throw std::logic_error("handles of actors can be unpacked only in tasks");
  Engine& engine = compute::WorkerSession::EngineOf(*session);
  if (engine.driver_actors() == nullptr) throw std::invalid_argument("no reference to an actor");
  auto cell = Pointer<ActorCore>::Adopt(make(engine));
  cell->StandFor(std::move(object));
  return cell;
}

}  // namespace triune::detail
