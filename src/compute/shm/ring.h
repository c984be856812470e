// Messages from one process to another.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "triune/status.h"

namespace triune::compute::shm {

/// What a ring begins with; its capacity in bytes, a power of two, follows. One writer and one reader, of any two
/// processes. Positions count the bytes of all time. A message lies in one piece, at a multiple of 8, behind a word
/// with its length and a check; where it would pass the end, a word says that the rest is empty, and it lies at the
/// beginning.
///
/// Either side believes nothing that it reads here: not after the other has died in the middle of something, nor when
/// it has written nonsense. What is wrong is an error (DataLoss) from then on, never an access outside of the ring.
struct RingHeader {
  alignas(64) std::atomic<uint64_t> written;  ///< Up to here messages are complete. The writer's.
  std::atomic<uint64_t> magic;
  std::atomic<uint64_t> capacity;
  alignas(64) std::atomic<uint64_t> read;  ///< Up to here they are not needed any more. The reader's.
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);

/// The memory that a ring of this capacity needs.
constexpr size_t RingBytes(size_t capacity) { return sizeof(RingHeader) + capacity; }
/// The longest message: wherever it would begin, there is room for it in an empty ring.
constexpr size_t LongestMessage(size_t capacity) { return capacity / 2 - sizeof(uint64_t); }

/// Makes an empty ring of the greatest capacity that fits, before others know of it. `memory` begins at a multiple of
/// 64. InvalidArgument when it is smaller than RingBytes(64) or larger than 2 GiB.
Status FormatRing(std::span<std::byte> memory);

/// What both ends have: a checked view of the ring, in the process's own memory.
class RingEnd {
 public:
  size_t capacity() const { return static_cast<size_t>(capacity_); }
  size_t longest_message() const { return LongestMessage(capacity()); }

 protected:
  RingEnd() = default;
  static Result<RingEnd> Open(std::span<std::byte> memory);

  std::atomic_ref<uint64_t> WordAt(uint64_t position) const;
  std::byte* DataAt(uint64_t position) const { return data_ + (position & (capacity_ - 1)); }
  uint64_t UpToEnd(uint64_t position) const { return capacity_ - (position & (capacity_ - 1)); }
  /// The error from now on.
  Status Break(const char* what, uint64_t value);

  RingHeader* header_ = nullptr;
  std::byte* data_ = nullptr;
  uint64_t capacity_ = 0;
  Status broken_;
};

/// The end that writes. Reserve, fill, Commit, for any number of messages; Publish makes them visible, all at once. A
/// writer that dies has written what it has published. Thread-compatible.
class RingWriter : public RingEnd {
 public:
  /// Goes on where the last writer has published. InvalidArgument, DataLoss when there is no ring in `memory`, which
  /// must outlive this.
  static Result<RingWriter> Attach(std::span<std::byte> memory);

  /// Room for a message of at most `bytes`, at a multiple of 8, to be written in place. None while the ring is full;
  /// then all that was committed has been published, so that the reader can make room. InvalidArgument when no message
  /// may be as long. What was reserved and not committed is forgotten.
  Result<std::optional<std::span<std::byte>>> Reserve(size_t bytes);
  /// The message is complete, with the first `bytes` bytes of what was reserved.
  void Commit(size_t bytes);
  /// False when there was nothing new; else the reader may need its doorbell rung.
  bool Publish();

  /// Whether a Reserve of so many bytes would not find the ring full; true when it would fail.
  bool HasRoom(size_t bytes) const;

 private:
  explicit RingWriter(const RingEnd& end) : RingEnd(end) {}
  struct Place {
    uint64_t padding;  ///< Bytes to leave empty before it.
    uint64_t total;    ///< With those and the word.
  };
  Place PlaceFor(size_t bytes) const;
  /// It goes on from where it was, up to what there is to be read.
  bool CanBeRead(uint64_t read) const { return read % 8 == 0 && read - read_ <= published_ - read_; }

  uint64_t committed_ = 0;
  uint64_t published_ = 0;
  uint64_t read_ = 0;  ///< As last seen.
  std::optional<size_t> reserved_;
};

/// The end that reads. Thread-compatible.
class RingReader : public RingEnd {
 public:
  /// Goes on behind the last message that was popped. Errors as of RingWriter::Attach.
  static Result<RingReader> Attach(std::span<std::byte> memory);

  /// The next message, where it lies, until Pop; none when there is none yet. A writer gone astray may change the bytes
  /// at any time: what depends on them reads each once.
  Result<std::optional<std::span<const std::byte>>> Peek();
  /// Done with the message of the last Peek, which was one; its place may be written again.
  void Pop();

  /// Whether Peek would give a message, or an error. Of all that was published before, as seen by this thread.
  bool HasMessage() const;

 private:
  explicit RingReader(const RingEnd& end) : RingEnd(end) {}
  Status LoadWritten();

  uint64_t read_ = 0;
  uint64_t written_ = 0;  ///< As last seen.
  uint64_t peeked_ = 0;   ///< Length of the record of the message.
};

}  // namespace triune::compute::shm
