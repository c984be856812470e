#include "compute/actor_coroutines.h"

#include <memory>
#include <utility>

#include "compute/spin.h"
#include "triune/core/detail/async_call.h"

namespace triune::detail {
namespace {

/// Of an actor that does not say how many of its calls may be in progress: Ray's number.
constexpr size_t kMostCoroutines = 1000;

}  // namespace

bool ActorCore::HasMostInProgress() const noexcept {
  const size_t coroutines = coroutines_ == nullptr ? 0 : coroutines_->in_progress.size();
  if (serial()) return coroutines >= kMostCoroutines;
  return active_.load() + coroutines >= static_cast<size_t>(options_.max_concurrency);
}

void ActorCore::RunCoroutine(Pointer<ActorTask> task) noexcept {
  // Others may look for it as soon as the call waits, or runs: Kill.
  if (coroutines_ == nullptr) coroutines_ = std::make_unique<Coroutines>();
  if (needs_lease_) task->SetCaptures(options_.capture_child_tasks && options_.placement_group);
  BeginCall(*task);
  const bool is_over = !task->Claim() || task->Execute();
  EndCall(*task);
  if (is_over) return Settle(*task);
  // Nobody goes on with it before this thread gives up the turn.
  task->async_call()->place = coroutines_->in_progress.size();
  coroutines_->in_progress.push_back(task.get());
}

void ActorCore::ResumeSoon(ActorTask& task) noexcept {
  // The call may be over at once on another thread, and be the last to refer to the actor.
  const Pointer<ActorCore> self(this);
  std::atomic<ActorTask*>& inbox = coroutines_->inbox;
  ActorTask* head = inbox.load(std::memory_order_relaxed);
  do {
    task.next_ = head;
  } while (!inbox.compare_exchange_weak(head, &task));
  if (head == nullptr) Wake();
}

bool ActorCore::CollectDue() noexcept {
  if (coroutines_->due != nullptr) return true;
  // Latest first: turned round.
  for (ActorTask* task = coroutines_->inbox.exchange(nullptr); task != nullptr;) {
    auto* next = static_cast<ActorTask*>(task->next_);
    task->next_ = std::exchange(coroutines_->due, task);
    task = next;
  }
  return coroutines_->due != nullptr;
}

bool ActorCore::ResumeOne() noexcept {
  ActorTask* task = coroutines_->due;
  if (task == nullptr) return false;
  coroutines_->due = static_cast<ActorTask*>(task->next_);
  Resume(Pointer<ActorTask>::Adopt(task));
  return true;
}

void ActorCore::Resume(Pointer<ActorTask> task) noexcept {
  AsyncCall& call = *task->async_call();
  BeginCall(*task);
  const bool is_over = call.Resume();
  EndCall(*task);
  if (!is_over) return;
  auto& in_progress = coroutines_->in_progress;
  in_progress.back()->async_call()->place = call.place;
  in_progress[call.place] = in_progress.back();
  in_progress.pop_back();
  Settle(*task);
}

void ActorCore::AbandonCoroutines(const Status& why) noexcept {
  if (coroutines_ == nullptr) return;
  std::vector<Pointer<Task>> calls;
  for (ActorTask* task : coroutines_->in_progress) calls.emplace_back(Pointer<Task>(task));
  for (auto& task : calls) {
    task->Abandon(Status(why));
    // Whoever has abandoned it before may not be that far yet.
    task->async_call()->Interrupt();
  }
}

void ActorCore::EndCoroutines(const Status& why) noexcept {
  if (coroutines_ == nullptr) return;
  AbandonCoroutines(why);
  // They come one by one: whoever queues the last may not be that far yet, either.
  compute::Spinner spinner;
  while (!coroutines_->in_progress.empty()) {
    if (CollectDue()) {
      ResumeOne();
    } else {
      spinner.Pause();
    }
  }
}

}  // namespace triune::detail
