// Values on their way from one process of a compiled DAG to others.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compute/dag/dag_region.h"
#include "compute/shm/segment.h"
#include "triune/core/detail/encoder.h"
#include "triune/status.h"

namespace triune::compute {

/// One process's way to the blocks of a compiled DAG.
class DagBlocks {
 public:
  /// Another block of at least this size, in place of an old one, unless that is 0.
  virtual Result<shm::Block> Exchange(uint64_t old, uint64_t bytes) = 0;
  virtual Result<std::span<std::byte>> At(uint64_t offset, uint64_t bytes) = 0;

 protected:
  ~DagBlocks() = default;
};

/// The end that writes one value of all executions. Blocks that it has needed it keeps for the next one of the same
/// room. Thread-compatible.
class ChannelWriter {
 public:
  ChannelWriter(const DagRegion& region, DagBlocks& blocks, uint32_t value)
      : region_(region), blocks_(blocks), value_(value), kept_(region.shape().rooms) {}

  /// Writes what the encoder has, or else the error why that can't be.
  void Write(uint32_t room, uint64_t number, const detail::Encoder& value);
  void WriteError(uint32_t room, uint64_t number, const Status& error);
  /// An error that was read elsewhere.
  void PassError(uint32_t room, uint64_t number, std::span<const std::byte> error);
  /// Of a function without a result.
  void WriteNothing(uint32_t room, uint64_t number) { Publish(room, number, ValueSlot::kPlain, 0, 0); }

 private:
  struct Place {
    std::span<std::byte> bytes;
    uint64_t block;
  };
  Result<Place> PlaceFor(uint32_t room, size_t bytes);
  Status TryWrite(uint32_t room, uint64_t number, const detail::Encoder& value);
  void Publish(uint32_t room, uint64_t number, ValueSlot::Kind kind, uint64_t block, size_t size);

  const DagRegion& region_;
  DagBlocks& blocks_;
  const uint32_t value_;
  std::vector<shm::Block> kept_;  ///< One for each room; empty where none was needed.
};

/// What a slot has, read once and checked: the writer may have gone astray. Its bytes are valid until the room is used
/// again.
struct ChannelValue {
  ValueSlot::Kind kind = ValueSlot::kPlain;
  std::span<const std::byte> bytes;
  bool is_in_slot = true;

  bool is_error() const { return kind == ValueSlot::kError; }
  /// Not of an error. The decoder refers to the bytes, but has copies of the buffers in them: those may stay longer.
  Result<detail::Decoder> Decoder() const;
};
/// After HasValue. DataLoss, InvalidArgument when there is nonsense.
Result<ChannelValue> ReadChannel(const DagRegion& region, DagBlocks& blocks, uint32_t value, uint32_t room);

/// As bytes in one piece, as channels have it. InvalidArgument when there are references in it.
struct EncodedForm {
  ValueSlot::Kind kind;
  size_t bytes;
};
Result<EncodedForm> FormOf(const detail::Encoder& value);
/// `out`: of that many bytes.
void WriteForm(const detail::Encoder& value, const EncodedForm& form, std::span<std::byte> out);

}  // namespace triune::compute
