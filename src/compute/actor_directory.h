// The actors that have names.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <typeinfo>

#include "triune/core/detail/actor.h"
#include "triune/status.h"

namespace triune::detail {

/// Refers to the detached ones, so that they stay; the others take themselves out. Thread-safe.
class ActorDirectory {
 public:
  /// Lists the actor under its name. When there is one of that name: it is `*existing`, if the new one's options allow
  /// that and it is of the same type; else an error.
  Status Add(const std::shared_ptr<ActorDirectory>& self, ActorCore& actor, Pointer<ActorCore>* existing);
  /// NotFound; InvalidArgument when it is of another type.
  Result<Pointer<ActorCore>> Find(std::string_view name, const std::type_info& type);
  /// When it is going, or dead.
  void Remove(ActorCore& actor) noexcept;
  /// Lets go of those that are detached, and takes no more.
  void Clear();

 private:
  struct Entry {
    ActorCore* actor;
    Pointer<ActorCore> kept;
  };
  /// Null when there is none, or it is going. The mutex is taken.
  Pointer<ActorCore> Look(std::string_view name);

  std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace triune::detail
