#include "compute/generator/stalled_generators.h"

#include <vector>

#include "compute/task_error.h"

namespace triune::compute {

void StalledGenerators::Add(detail::GeneratorStream& stream, bool has_thread) {
  std::lock_guard lock(mutex_);
  stalled_.emplace(&stream, has_thread);
  if (has_thread) ++threads_;
}

bool StalledGenerators::Remove(detail::GeneratorStream& stream) noexcept {
  std::lock_guard lock(mutex_);
  auto found = stalled_.find(&stream);
  const bool has_thread = found->second;
  stalled_.erase(found);
  if (has_thread) --threads_;
  return has_thread;
}

bool StalledGenerators::FailStranded(const WorkerPool& pool) {
  std::vector<detail::Pointer<detail::Task>> tasks;
  {
    std::lock_guard lock(mutex_);
    const int64_t blocked = pool.only_blocked();
    if (blocked < 0 || blocked > threads_) return false;
    // As long as it is here its task is there.
    for (const auto& [stream, has_thread] : stalled_) tasks.emplace_back(&stream->task());
  }
  for (const auto& task : tasks) {
    task->Abandon(MakeError(ErrorKind::kTaskCancelled, StatusCode::kCancelled,
                            task->Name() + " was cancelled: the session has ended, and nobody takes what it yields",
                            task->Name()),
                  true);
  }
  return !tasks.empty();
}

}  // namespace triune::compute
