// An actor where references to objects are wanted.
#pragma once

#include <typeinfo>
#include <utility>

#include "triune/core/detail/actor.h"
#include "triune/core/detail/object.h"

namespace triune::compute {

/// As long as somebody knows it, the actor is referred to.
class ActorObject final : public detail::Object {
 public:
  explicit ActorObject(detail::Pointer<detail::ActorCore> actor) : actor_(std::move(actor)) { SetReady(); }
  detail::ActorCore& actor() const noexcept { return *actor_; }
  const std::type_info& value_type() const noexcept override { return typeid(detail::ActorCore); }

 private:
  ~ActorObject() override = default;
  const detail::Pointer<detail::ActorCore> actor_;
};

}  // namespace triune::compute
