#include "triune/core/runtime_context.h"

#include "compute/local/admission.h"
#include "compute/process/slot.h"
#include "triune/core/detail/task.h"

namespace triune {

using detail::current_frame;

bool RuntimeContext::in_task() noexcept { return current_frame != nullptr; }
bool RuntimeContext::cancelled() noexcept {
  if (current_frame == nullptr) return false;
  const auto* stage = current_frame->stage;
  return current_frame->task.cancelled() ||
         (stage != nullptr && (stage->load(std::memory_order_acquire) & compute::slot::kCancelled) != 0);
}
int RuntimeContext::attempt() noexcept { return current_frame == nullptr ? 0 : current_frame->attempt; }
std::string RuntimeContext::task_name() {
  return current_frame == nullptr ? std::string() : current_frame->task.Name();
}
std::vector<int> RuntimeContext::gpu_ids() { return compute::Admission::Gpus(); }

}  // namespace triune
