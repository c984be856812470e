// The driver's side of what the tasks of one worker ask for: to submit, wait and cancel, by handles of objects.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "compute/process/message.h"
#include "compute/process/shared_memory.h"
#include "compute/process/stored_objects.h"
#include "compute/process/value_message.h"
#include "triune/core/detail/actor.h"
#include "triune/core/detail/engine.h"
#include "triune/core/detail/object.h"
#include "triune/core/detail/task.h"
#include "triune/status.h"

namespace triune::compute {

/// What processes need of the engine that they belong to.
class ProcessHost {
 public:
  virtual detail::Engine& engine() noexcept = 0;
  /// Around a wait of what runs in this thread's name: others may have its place meanwhile.
  virtual void BeginBlocking() noexcept = 0;
  virtual void EndBlocking() noexcept = 0;
  /// An error when the object can only come after what this thread is in the middle of.
  virtual Status CheckWait(detail::Object& object) = 0;

 protected:
  ~ProcessHost() = default;
};

/// Of whoever has the worker; objects may tell it that they are ready on any thread.
class NestedCalls final : public ValuePort {
 public:
  class Worker {
   public:
    /// Null when there is none.
    virtual detail::Task* TaskIn(uint32_t slot) noexcept = 0;
    /// For whom the calls of that task, if there is one, are kept in order; see CallerId.
    virtual uint64_t CallerIn(uint32_t slot) noexcept = 0;
    virtual Status Send(std::span<const std::byte> message) = 0;
    virtual size_t longest_message() const noexcept = 0;
    /// On any thread: Answer has something to do.
    virtual void Wake() noexcept = 0;

   protected:
    ~Worker() = default;
  };

  NestedCalls(ProcessHost& host, SharedMemory& memory, shm::Holder holder, Worker& worker);
  ~NestedCalls();
  NestedCalls(const NestedCalls&) = delete;
  NestedCalls& operator=(const NestedCalls&) = delete;

  /// An error when it makes no sense.
  Status Handle(MessageKind kind, MessageReader& message);
  Status HandleReleases(MessageReader& message);
  /// Tells the worker what it has waited for. On the thread that has Handled.
  Status Answer();
  /// Whether a task there waits, and has given its place to others.
  bool blocked() const { return blocking_ > 0; }
  /// Whether one of them waits for objects, not only for somebody to take what it yields.
  bool blocked_by_objects() const { return blocking_ > awaiting_room_; }
  /// The task in that slot was given up: it does not wait any more.
  void EndWaitsOf(uint32_t slot) noexcept;
  /// The worker is gone: nobody waits any more.
  void ForgetAll() noexcept;

  Result<PieceInBlock> Place(std::span<const std::byte> bytes) override { return pieces_.Place(bytes); }
  std::optional<PieceInBlock> Share(const Buffer& buffer) override { return pieces_.Share(buffer); }
  Result<Buffer> Open(const PieceInBlock& piece) override { return pieces_.Open(piece); }
  Result<uint64_t> Refer(const detail::ObjectPointer& object, const detail::ValueCodec* codec) override;
  Result<std::shared_ptr<const detail::ReferenceSource>> References(std::vector<uint64_t> handles) override;
  Result<std::vector<detail::ObjectPointer>> Objects(std::span<const uint64_t> handles) const;
  /// The message with all that was placed, shared and referred to since the last of these was not sent.
  void TakeBack() { TakeBack(Sent()); }
  struct Parts {
    std::vector<uint64_t> blocks;
    std::vector<uint64_t> references;
  };
  /// What the worker gets with the message that was sent.
  Parts Sent();
  /// Of a message that was sent, and that the worker will not read.
  void TakeBack(const Parts& parts);

 private:
  struct Known {
    detail::ObjectPointer object;
    const detail::ValueCodec* codec;  ///< Null: found by the value's type, where that is registered.
  };
  class Wait;

  Status HandleNeedBlock(MessageReader& message);
  Status HandleDagBlock(MessageReader& message);
  Status HandleSubmit(MessageReader& message);
  Status HandlePut(MessageReader& message);
  Status HandleWait(MessageReader& message);
  Status HandleCancel(MessageReader& message);
  Status HandleCreateActor(MessageReader& message);
  Status HandleCallActor(MessageReader& message);
  Status HandleKillActor(MessageReader& message);
  Status HandleActorReady(MessageReader& message);
  Status HandleFindActor(MessageReader& message);
  template <typename Options>
  static void ReadNeeds(MessageReader& message, Options& options);
  Result<std::vector<StoredArgument>> ReadArguments(MessageReader& message, uint32_t count);
  Result<detail::Pointer<detail::ActorCore>> ActorOf(uint64_t handle) const;
  /// As if the task in that slot did it.
  void InNameOf(uint32_t slot, const std::function<void()>& what);
  Status HandleAwaitRoom(MessageReader& message);
  Status HandleFree(MessageReader& message);
  Status HandleContains(MessageReader& message);
  Status Reply(Wait& wait);
  Status Reply(uint64_t request, const Status& status);
  Status ReplyRoom(uint64_t request, uint32_t room);
  Status WriteObject(MessageWriter& message, const Known& known);
  Status Add(uint64_t handle, Known known);
  void EndWait(uint64_t request) noexcept;
  void OnEnough(uint64_t request) noexcept;

  ProcessHost& host_;
  SharedMemory& memory_;
  const shm::Holder holder_;
  Worker& worker_;
  SharedMemory::Pieces pieces_;
  std::unordered_map<uint64_t, Known> known_;
  uint64_t last_handle_ = 0;
  std::vector<uint64_t> unsent_;
  std::unordered_map<uint64_t, std::unique_ptr<Wait>> waits_;
  int blocking_ = 0;       ///< Waits of tasks.
  int awaiting_room_ = 0;  ///< Those among them of generators for room.
  std::mutex mutex_;
  std::vector<uint64_t> enough_;
  std::vector<std::byte> outgoing_;
  detail::Encoder encoder_;
};

}  // namespace triune::compute
