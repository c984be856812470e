// Who has which block of shared memory.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "compute/shm/block_source.h"
#include "compute/shm/segment.h"
#include "compute/shm/size_classes.h"

namespace triune::compute::shm {

/// One that may have blocks: a worker, or a part of the driver. Never used again for another.
struct Holder {
  uint32_t slot = 0;
  uint32_t generation = 0;

  friend bool operator==(const Holder&, const Holder&) = default;
};

/// The driver's book of who has which blocks of an arena, and how often: a block is freed with its last lease. Workers
/// know of it only what they are told; what they send is checked against it. It is in the driver's private memory, so
/// that whatever a worker was about when it died, Leave() frees exactly what was its own.
///
/// How it is meant: the driver sends with a task some blocks that the worker may need for results (Grant). A result
/// comes back as an offset and a size, which the driver checks and takes over (Move); arguments of a task are held for
/// the worker (Share) until it has said that it is done with them (Drop), once for each time. Blocks that were on
/// their way to or from a worker that died are found in the book like all others.
///
/// Thread-safe; operations on different blocks seldom wait for each other.
class Leases {
 public:
  struct Released {
    uint64_t blocks = 0;  ///< That the holder had a lease of.
    uint64_t freed = 0;   ///< Of these, those that nobody else had.
    uint64_t freed_bytes = 0;
  };

  /// The arena must outlive this. Blocks that are leased when this ends stay allocated.
  explicit Leases(BlockSource& arena, size_t most_holders = 1024);
  Leases(const Leases&) = delete;
  Leases& operator=(const Leases&) = delete;

  /// ResourceExhausted when there are too many holders.
  Result<Holder> Join();
  /// Ends all leases of the holder, who can get no more. Takes as long as it takes to read the whole book: a
  /// millisecond or so for some 10,000 blocks. FailedPrecondition when it has left already.
  Result<Released> Leave(Holder holder);

  // All that follow: FailedPrecondition when the holder, or who is to be one, has left; NotFound when it has no lease
  // of a block that begins at `offset`. Nothing has changed then.

  /// A new block of at least this size; the first lease of it. ResourceExhausted when there is no room.
  Result<Block> Grant(Holder holder, uint64_t bytes);
  /// The block, whose first `bytes` bytes the holder says it has used; InvalidArgument when it is not as large.
  Result<Block> Check(Holder holder, uint64_t offset, uint64_t bytes) const;
  /// One more lease, for `to`, of a block that `from` has.
  Status Share(Holder from, Holder to, uint64_t offset);
  /// One lease of `from` becomes one of `to`.
  Status Move(Holder from, Holder to, uint64_t offset);
  /// Ends `count` leases; InvalidArgument when there are fewer.
  Status Drop(Holder holder, uint64_t offset, uint32_t count = 1);

  /// Of the blocks that the holder has, each counted once; 0 when it has left.
  uint64_t HeldBytes(Holder holder) const;

 private:
  struct Hold {
    Holder holder;
    uint32_t count;
  };
  struct Entry {
    uint64_t bytes;
    std::vector<Hold> holds;  ///< Mostly one.

    Hold* Find(Holder holder);
  };
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::unordered_map<uint64_t, Entry> entries;  ///< By offset.
  };
  struct Slot {
    std::atomic<uint32_t> generation{0};  ///< Odd while there is a holder.
    std::atomic<uint64_t> held_bytes{0};
  };

  Shard& ShardOf(uint64_t offset) const { return shards_[offset / kBlockAlignment * 0x9e37'79b9'7f4a'7c15 >> 59U]; }
  bool IsHere(Holder holder) const;
  Status CheckIsHere(Holder holder) const;
  /// With the shard locked: one more lease. Cannot fail.
  void Add(Entry& entry, Holder holder);
  /// With the shard locked: ends `count` leases of the hold; true when nobody has the block any more.
  bool Remove(Entry& entry, Hold& hold, uint32_t count);

  mutable std::array<Shard, 32> shards_;
  BlockSource& arena_;
  std::mutex slots_mutex_;
  std::deque<Slot> slots_;
  std::vector<uint32_t> vacant_;
};

}  // namespace triune::compute::shm
