// The call of an actor in whose course a compiled DAG calls its methods.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "triune/core/detail/actor.h"
#include "triune/core/detail/remote_function.h"

namespace triune::compute {

/// What a process runs then; see dag_loop.h.
const detail::RemoteFunction* DagLoopFunction();

class DagLoopTask final : public detail::ActorTask {
 public:
  /// `memory`: what the process may touch until the loop has ended.
  DagLoopTask(detail::ActorCore& actor, std::vector<std::byte> schedule, std::shared_ptr<const void> memory)
      : ActorTask(actor, nullptr, detail::NewCallerId()), schedule_(std::move(schedule)), memory_(std::move(memory)) {}
  const std::shared_ptr<const void>& memory() const { return memory_; }

  detail::RemoteKey Remote() const override { return DagLoopFunction()->key; }
  std::vector<detail::ArgumentView> Arguments() const override {
    return {{.value = &schedule_, .type = &typeid(schedule_)}};
  }

 private:
  ~DagLoopTask() override = default;
  void AwaitArguments() noexcept override {}
  const Status* ArgumentError() const noexcept override { return nullptr; }
  Status Invoke(bool) override { return Internal("runs in processes only"); }
  void DropArguments() noexcept override {}
  bool repeatable() const noexcept override { return false; }
  std::string FunctionName() const override { return "compiled DAG"; }

  const std::vector<std::byte> schedule_;
  const std::shared_ptr<const void> memory_;
};

}  // namespace triune::compute
