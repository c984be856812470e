#include "base/executor.h"

namespace triune {

ThreadPoolExecutor::ThreadPoolExecutor(size_t threads, size_t queue_capacity)
    : thread_count_(threads), queue_(queue_capacity) {}

ThreadPoolExecutor::~ThreadPoolExecutor() { queue_.Close(); }

bool ThreadPoolExecutor::TrySubmit(std::function<void()> task) {
  std::call_once(started_, [this] { StartThreads(); });
  return queue_.TryPush(std::move(task));
}

void ThreadPoolExecutor::StartThreads() {
  for (size_t i = 0; i < thread_count_; ++i) {
    threads_.emplace_back([this] {
      while (auto task = queue_.Pop()) (*task)();
    });
  }
}

}  // namespace triune
