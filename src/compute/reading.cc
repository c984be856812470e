#include "triune/core/detail/reading.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>

#include "compute/spin.h"

namespace triune::detail {
namespace {

/// Threads come and go; what they had is used by others.
struct Registered {
  ReadingThread thread;
  std::atomic<bool> is_taken{true};
  Registered* next = nullptr;
};
constinit std::atomic<Registered*> all{nullptr};

Registered* TakeOne() noexcept {
  for (Registered* each = all.load(std::memory_order_acquire); each != nullptr; each = each->next) {
    if (!each->is_taken.exchange(true, std::memory_order_acq_rel)) return each;
  }
  auto* added = new Registered;
  added->next = all.load(std::memory_order_relaxed);
  while (!all.compare_exchange_weak(added->next, added, std::memory_order_acq_rel, std::memory_order_relaxed)) {
  }
  return added;
}

/// Gives it back when the thread ends.
class OfThisThread {
 public:
  OfThisThread() : registered_(TakeOne()) { reading_thread = &registered_->thread; }
  ~OfThisThread() {
    reading_thread = nullptr;
    registered_->is_taken.store(false, std::memory_order_release);
  }
  OfThisThread(const OfThisThread&) = delete;
  OfThisThread& operator=(const OfThisThread&) = delete;

 private:
  Registered* const registered_;
};

long Membarrier(int command) { return syscall(SYS_membarrier, command, 0, 0); }

bool HasMembarrier() { return Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0; }

}  // namespace

bool Reading::Register() noexcept {
  // After its end, as in destructors of other thread_locals, there is none any more.
  thread_local constinit bool is_over = false;
  struct End {
    ~End() { is_over = true; }
  };
  static const bool has_membarrier = HasMembarrier();
  if (thread_ == nullptr && has_membarrier && !is_over) {
    thread_local const End end;
    thread_local const OfThisThread mine;
    thread_ = reading_thread;
    return true;
  }
  thread_ = nullptr;
  std::ignore = user_.TryUse(object_);
  return false;
}

bool Reading::WaitForOthers(const Object& object) noexcept {
  // Either its reader sees that it is freed, or we see that it is read. Where this process was forked by another it may
  // have to register again; where there is no membarrier there are no readers.
  if (Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0 && HasMembarrier()) {
    Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
  }
  for (Registered* each = all.load(std::memory_order_acquire); each != nullptr; each = each->next) {
    compute::Spinner spinner;
    while (each->thread.object.load(std::memory_order_acquire) == &object) {
      if (&each->thread == reading_thread) return false;
      spinner.Pause();
    }
  }
  return true;
}

}  // namespace triune::detail
