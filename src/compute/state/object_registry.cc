#include "compute/state/object_registry.h"

#include <array>
#include <mutex>
#include <unordered_map>

#include "compute/state/state_tracker.h"

namespace triune::compute {
namespace {

struct Known {
  StateBook* book;  ///< With a reference.
  uint64_t id;
  bool is_task;
  int64_t bytes;
};
struct alignas(64) Shard {
  std::mutex mutex;
  std::unordered_map<detail::Object*, Known> objects;
};
using Shards = std::array<Shard, 32>;

Shards& shards() {
  static auto* all = new Shards;  // objects may go to the very end
  return *all;
}
Shard& ShardOf(const detail::Object& object) {
  return shards()[reinterpret_cast<uintptr_t>(&object) / 32 * 0x9e37'79b9'7f4a'7c15 >> 59U];
}

}  // namespace

void ObjectRegistry::Add(StateBook& book, detail::Object& object, uint64_t id, bool is_task, int64_t bytes) {
  book.Ref();
  Shard& shard = ShardOf(object);
  std::lock_guard lock(shard.mutex);
  shard.objects.emplace(&object, Known{&book, id, is_task, bytes});
}

void ObjectRegistry::Remove(detail::Object& object) noexcept {
  StateBook* book;
  {
    Shard& shard = ShardOf(object);
    std::lock_guard lock(shard.mutex);
    auto found = shard.objects.find(&object);
    if (found == shard.objects.end()) return;
    book = found->second.book;
    shard.objects.erase(found);
  }
  book->tracker()->OnObjectGone();
  book->Unref();
}

std::vector<ObjectRegistry::Entry> ObjectRegistry::Of(const StateBook& book) {
  std::vector<Entry> entries;
  for (Shard& shard : shards()) {
    std::lock_guard lock(shard.mutex);
    for (auto& [object, known] : shard.objects) {
      // One that goes waits for the lock in its destructor: its count can still be read.
      if (known.book != &book || !object->TryRef()) continue;
      entries.push_back({detail::ObjectPointer::Adopt(object), known.id, known.is_task, known.bytes});
    }
  }
  return entries;
}

}  // namespace triune::compute

void triune::detail::ForgetObject(Object& object) noexcept { compute::ObjectRegistry::Remove(object); }

bool triune::detail::TrackObject(compute::StateBook* book, Object& object, int64_t bytes) noexcept {
  return book != nullptr && book->tracker() != nullptr && book->tracker()->OnObject(*book, object, bytes);
}
