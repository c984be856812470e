// The engine of a session inside of a process for tasks: asks the driver for everything.
#pragma once

#include <memory>

#include "compute/process/driver_connection.h"
#include "compute/process/foreign_resources.h"
#include "compute/process/worker_actors.h"
#include "triune/core/detail/engine.h"
#include "triune/core/session.h"

namespace triune::compute {

/// Thread-safe.
class WorkerEngine final : public detail::Engine {
 public:
  /// The connection lives for ever.
  explicit WorkerEngine(DriverConnection& driver) : driver_(driver), actors_(driver) {}

  bool is_foreign() const noexcept override { return true; }
  void SubmitToDriver(detail::Task& task, detail::ReceivedObject& result) override;
  Status WaitFor(std::span<detail::Object* const> objects, size_t count, TimePoint deadline) override;
  bool CancelAtDriver(detail::Object& object, bool recursive, bool force) override;
  detail::DriverActors* driver_actors() noexcept override { return &actors_; }
  bool ContainsAtDriver(detail::Object& object) override;
  Status FreeObject(detail::Object& object) override;

  // Nothing is started here.
  void Enqueue(detail::Task&) noexcept override {}
  void Schedule(detail::Runnable&) noexcept override {}
  void BeginHolding() noexcept override {}
  void EndHolding() noexcept override {}
  Status Check(const TaskOptions&) override { return {}; }
  void AbandonAt(detail::Task&, TimePoint) override {}
  detail::Resources& resources() noexcept override { return resources_; }
  Result<Buffer> CopyToSharedMemory(std::span<const std::byte> bytes) override { return driver_.Copy(bytes); }
  Status CallElsewhere(detail::Task&, int) override { return Internal("not in a process for tasks"); }
  Result<std::unique_ptr<detail::ActorHost>> MakeActorHost(const RuntimeEnv&) override {
    return Internal("not in a process for tasks");
  }

 private:
  Status Submit(detail::Task& task, detail::ReceivedObject& result);
  /// Asks something about one object, and gives what follows in the reply.
  std::optional<DriverConnection::Bytes> Ask(MessageKind kind, uint64_t handle);
  Status Fetch(detail::ReceivedObject& object, MessageReader& reply);
  /// Null when the task is cancelled, or has asked for more than can be sent. When the deadline has passed, what the
  /// driver knows then: fewer may be ready than are needed.
  std::optional<DriverConnection::Bytes> AskFor(std::span<detail::ReceivedObject* const> objects, size_t needed,
                                                TimePoint deadline);

  DriverConnection& driver_;
  WorkerActors actors_;
  ForeignResources resources_;
};

/// The session of all tasks of this process.
class WorkerSession {
 public:
  static std::unique_ptr<Session> Make(std::unique_ptr<detail::Engine> engine) {
    return std::unique_ptr<Session>(new Session(std::move(engine)));
  }
  static detail::Engine& EngineOf(Session& session) { return *session.engine_; }
};

}  // namespace triune::compute
