// What begins a kRun message.
#pragma once

#include <cstdint>

namespace triune::compute {

/// The name of the task and the values of the arguments follow.
struct RunHeader {
  uint64_t function;  ///< Its number in the registry.
  uint32_t slot;
  uint32_t sequence;  ///< Of the tasks in that slot.
  uint32_t arguments;
  int32_t attempt;
  int32_t threads;  ///< Of a constructor: how many calls the actor is to run at the same time.
  // Of a generator:
  uint32_t room;       ///< For so many values.
  uint64_t delivered;  ///< So many have come from earlier attempts, and are not to come again.
};

}  // namespace triune::compute
