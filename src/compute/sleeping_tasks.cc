#include "compute/sleeping_tasks.h"

#include <mutex>
#include <unordered_map>

namespace triune::compute {
namespace {

struct Sleeping {
  std::mutex mutex;
  std::unordered_map<detail::Task*, Interruptee*> sleepers;
};
Sleeping& sleeping() {
  static auto* all = new Sleeping;  // threads may use it to the very end
  return *all;
}

}  // namespace

Interruptible::Interruptible(detail::Task* task, Interruptee& sleeper) : task_(task) {
  if (task_ == nullptr) return;
  std::lock_guard lock(sleeping().mutex);
  sleeping().sleepers.emplace(task_, &sleeper);
  // Whoever cancels sets the flag first, and then looks here.
  if (task_->cancelled()) sleeper.Interrupt();
}

Interruptible::~Interruptible() {
  if (task_ == nullptr) return;
  std::lock_guard lock(sleeping().mutex);
  sleeping().sleepers.erase(task_);
}

void InterruptSleep(detail::Task& task) noexcept {
  std::lock_guard lock(sleeping().mutex);
  auto found = sleeping().sleepers.find(&task);
  if (found != sleeping().sleepers.end()) found->second->Interrupt();
}

}  // namespace triune::compute
