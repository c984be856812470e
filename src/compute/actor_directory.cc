#include "compute/actor_directory.h"

#include <utility>
#include <vector>

#include "triune/core/detail/names.h"

namespace triune::detail {
namespace {

std::string Quoted(std::string_view name) { return "'" + std::string(name) + "'"; }

Status OtherType(const ActorCore& actor, const std::type_info& wanted) {
  return InvalidArgument("actor " + Quoted(actor.options().name) + " is of another type: is " + TypeName(actor.type()) +
                         ", wanted " + TypeName(wanted));
}

}  // namespace

Pointer<ActorCore> ActorDirectory::Look(std::string_view name) {
  auto found = entries_.find(name);
  if (found == entries_.end() || !found->second.actor->TryRef()) return {};
  return Pointer<ActorCore>::Adopt(found->second.actor);
}

Status ActorDirectory::Add(const std::shared_ptr<ActorDirectory>& self, ActorCore& actor,
                           Pointer<ActorCore>* existing) {
  const ActorOptions& options = actor.options();
  Pointer<ActorCore> other;  // may be the last reference, and must not go under the mutex
  std::lock_guard lock(mutex_);
  other = Look(options.name);
  if (other) {
    if (!options.get_if_exists) return AlreadyExists("there is an actor named " + Quoted(options.name) + " already");
    if (other->type() != actor.type()) return OtherType(*other, actor.type());
    *existing = std::move(other);
    return {};
  }
  actor.SetDirectory(self);
  entries_[options.name] = {&actor, options.detached ? Pointer<ActorCore>(&actor) : Pointer<ActorCore>()};
  return {};
}

Result<Pointer<ActorCore>> ActorDirectory::Find(std::string_view name, const std::type_info& type) {
  Pointer<ActorCore> actor;
  {
    std::lock_guard lock(mutex_);
    actor = Look(name);
  }
  if (!actor) return NotFound("no actor named " + Quoted(name));
  if (actor->type() != type) return OtherType(*actor, type);
  return actor;
}

void ActorDirectory::Remove(ActorCore& actor) noexcept {
  Pointer<ActorCore> kept;
  std::lock_guard lock(mutex_);
  auto found = entries_.find(actor.options().name);
  if (found == entries_.end() || found->second.actor != &actor) return;
  kept = std::move(found->second.kept);
  entries_.erase(found);
}

void ActorDirectory::Clear() {
  std::vector<Pointer<ActorCore>> kept;
  std::lock_guard lock(mutex_);
  for (auto& [name, entry] : entries_) {
    if (entry.kept) kept.push_back(std::move(entry.kept));
  }
}

}  // namespace triune::detail
