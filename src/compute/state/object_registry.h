// The objects of sessions that track their state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "compute/state/state_book.h"
#include "triune/core/detail/object.h"

namespace triune::compute {

/// Of all sessions of the process, as objects may outlive theirs. Thread-safe.
class ObjectRegistry {
 public:
  struct Entry {
    detail::ObjectPointer object;
    uint64_t id = 0;
    bool is_task = false;
    int64_t bytes = -1;
  };
  /// The object tells when it goes: ForgetObject.
  static void Add(StateBook& book, detail::Object& object, uint64_t id, bool is_task, int64_t bytes);
  static void Remove(detail::Object& object) noexcept;
  /// Those of the session that are not about to go.
  static std::vector<Entry> Of(const StateBook& book);
};

}  // namespace triune::compute
