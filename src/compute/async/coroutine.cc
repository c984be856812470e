#include "triune/core/detail/coroutine.h"

namespace triune::detail {

void CoroutineRun::Adopt(AsyncPromise& root) noexcept {
  root.run_ = this;
  root.parent_ = nullptr;
  innermost_ = &root;
}

void CoroutineRun::Enter(AsyncPromise& child) noexcept {
  child.run_ = this;
  child.parent_ = innermost_;
  innermost_ = &child;
}

void CoroutineRun::Leave() noexcept { innermost_ = innermost_->parent_; }

bool CoroutineRun::Advance() noexcept {
  awaiter_ = nullptr;
  do {
    innermost_->self_.resume();
  } while (innermost_ != nullptr && awaiter_ == nullptr);
  return innermost_ == nullptr;
}

void CoroutineRun::DestroyAll() noexcept {
  // Each by itself: from the outermost each would destroy the next one inside of it, however many there are.
  while (innermost_ != nullptr) {
    AsyncPromise& promise = *innermost_;
    innermost_ = promise.parent_;
    if (promise.owner_ != nullptr) *promise.owner_ = nullptr;
    promise.Destroy();
  }
}

namespace {

class BlockingRun final : public CoroutineRun {
 public:
  explicit BlockingRun(AsyncPromise& root) noexcept { Adopt(root); }
  void Run() noexcept {
    while (!Advance()) awaiter().Block();
  }
};

}  // namespace

void RunToEnd(AsyncPromise& root) noexcept { BlockingRun(root).Run(); }

}  // namespace triune::detail
