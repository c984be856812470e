// The blocks of shared memory that values of a session lie in.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "compute/process/value_message.h"
#include "compute/shm/leases.h"
#include "compute/shm/segment.h"
#include "compute/shm/spilling_arena.h"
#include "triune/buffer.h"

namespace triune::compute {

struct SharedMemoryOptions {
  uint64_t bytes = 0;             ///< As many as all values together may take in memory.
  std::string spill_directory{};  ///< For those that take more; as DiskFile::Create.
  uint64_t spill_limit = 0;
};

/// The driver's. Thread-safe. Buffers that it has given out keep it.
class SharedMemory : public std::enable_shared_from_this<SharedMemory> {
 public:
  /// Where nothing can be spilled, that is an error only when it would be needed.
  static Result<std::shared_ptr<SharedMemory>> Create(const SharedMemoryOptions& options);

  const shm::Segment& segment() const { return segment_; }
  shm::Leases& leases() { return leases_; }
  /// Of what is in memory.
  shm::ArenaStatistics statistics() const { return arena_->memory().statistics(); }
  /// Of all values, for people and programs that watch.
  shm::SpillStatistics object_statistics() const { return arena_->statistics(); }

  /// A block for a worker. kObjectStoreFull.
  Result<shm::Block> Grant(shm::Holder holder, uint64_t bytes);
  /// A buffer with a copy of these bytes. kObjectStoreFull.
  Result<Buffer> Copy(std::span<const std::byte> bytes);
  /// A buffer for the driver to fill. kObjectStoreFull.
  Result<Buffer> Allocate(uint64_t bytes);

  // A compiled DAG has a number, under which it holds blocks for all its processes.
  Result<uint64_t> JoinDag();
  /// Frees them.
  void LeaveDag(uint64_t dag);
  /// A new block, in place of an old one unless that is 0. kObjectStoreFull; InvalidArgument when there is no such DAG.
  Result<shm::Block> ExchangeDagBlock(uint64_t dag, uint64_t old, uint64_t bytes);
  /// What lies in a block of the DAG; an error when there is no such block, or it is smaller.
  Result<std::span<std::byte>> DagBlock(uint64_t dag, uint64_t offset, uint64_t bytes);

  /// The driver's way of sending values to one worker and getting some from it. Thread-compatible.
  class Pieces {
   public:
    Pieces(SharedMemory& memory, shm::Holder worker) : memory_(memory), worker_(worker) {}
    Result<PieceInBlock> Place(std::span<const std::byte> bytes);
    std::optional<PieceInBlock> Share(const Buffer& buffer);
    Result<Buffer> Open(const PieceInBlock& piece);

    /// The message with all that was placed and shared since the last of these was not sent: takes it back.
    void TakeBack() { TakeBack(Sent()); }
    /// The blocks of the message that was sent.
    std::vector<uint64_t> Sent() { return std::exchange(unsent_, {}); }
    /// Of a message that was sent, and that the worker will not read.
    void TakeBack(const std::vector<uint64_t>& blocks);

   private:
    SharedMemory& memory_;
    shm::Holder worker_;
    std::vector<uint64_t> unsent_;
  };

 private:
  SharedMemory(shm::Segment segment, Status cannot_spill);
  Status Full(uint64_t bytes) const;
  struct Lease;
  static void Release(void* lease);
  Result<shm::Holder> HolderOf(uint64_t dag);
  /// A buffer that ends the driver's lease when it goes.
  Buffer Adopt(const shm::Block& block, uint64_t begin, uint64_t size);

  shm::Segment segment_;
  const Status cannot_spill_;
  std::unique_ptr<shm::SpillingArena> arena_;
  shm::Leases leases_;
  shm::Holder driver_;
  std::mutex dags_mutex_;
  std::unordered_map<uint64_t, shm::Holder> dags_;
  uint64_t last_dag_ = 0;
};

}  // namespace triune::compute
