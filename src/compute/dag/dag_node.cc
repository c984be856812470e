#include "triune/core/detail/dag_node.h"

namespace triune::detail {
namespace {

uint64_t NextSerial() {
  static std::atomic<uint64_t> next{0};
  return next.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

DagNodeCore::DagNodeCore(const ValueType& value, size_t input) : serial_(NextSerial()), value_(value), input_(input) {}

DagNodeCore::~DagNodeCore() = default;

void DagNodeCore::Unref() const noexcept {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  // Of a long chain each lets the next one go: one after the other, not one inside the other.
  struct Going {
    std::vector<const DagNodeCore*> nodes{};
    bool is_busy = false;
  };
  thread_local Going going;
  going.nodes.push_back(this);
  if (std::exchange(going.is_busy, true)) return;
  while (!going.nodes.empty()) {
    const DagNodeCore* node = going.nodes.back();
    going.nodes.pop_back();
    delete node;
  }
  going.is_busy = false;
}

std::string DagNodeCore::Name() const {
  if (input_ != kNoInput) return "input " + std::to_string(input_);
  if (options_ != nullptr && !options_->name.empty()) return "task '" + options_->name + "'";
  std::string name = FunctionName();
  return name.empty() ? "a task" : "task '" + name + "'";
}

size_t DagNodeCore::AddArgument(Pointer<const DagNodeCore> node) {
  arguments_.push_back(std::move(node));
  return arguments_.size() - 1;
}

size_t DagNodeCore::AddObject(ObjectPointer object) {
  objects_.push_back(std::move(object));
  return objects_.size() - 1;
}

}  // namespace triune::detail
