// Values in messages: small pieces in the message itself, large ones in blocks of shared memory, objects by their
// handles.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "compute/process/message.h"
#include "compute/shm/segment.h"
#include "triune/buffer.h"
#include "triune/core/detail/encoder.h"
#include "triune/core/detail/received_object.h"
#include "triune/status.h"

namespace triune::compute {

/// Bytes in a block of shared memory, as a message names them.
struct PieceInBlock {
  uint64_t block = 0;  ///< Where it begins.
  uint64_t begin = 0;  ///< Of the bytes, from there.
  uint64_t size = 0;
  /// The sender keeps the block, and the receiver gets a lease of its own; otherwise it gets the sender's.
  uint64_t shared = 0;
};

/// One end's way to shared memory and to the objects that both know.
class ValuePort {
 public:
  /// For the other end: a new block with these bytes.
  virtual Result<PieceInBlock> Place(std::span<const std::byte> bytes) = 0;
  /// For the other end, when the buffer is in shared memory already.
  virtual std::optional<PieceInBlock> Share(const Buffer& buffer) = 0;
  /// What the other end has placed or shared.
  virtual Result<Buffer> Open(const PieceInBlock& piece) = 0;
  /// By which the other end is to know the object. `codec`: of its value, where that is known; else null.
  virtual Result<uint64_t> Refer(const detail::ObjectPointer& object, const detail::ValueCodec* codec) = 0;
  /// What the other end has referred to.
  virtual Result<std::shared_ptr<const detail::ReferenceSource>> References(std::vector<uint64_t> handles) = 0;

 protected:
  ~ValuePort() = default;
};

Status WriteValue(MessageWriter& message, const detail::Encoder& value, ValuePort& port);
Status WriteStored(MessageWriter& message, const detail::StoredValue& value, ValuePort& port);

/// A value that was received. Small pieces are where the message was: that must stay until the value is decoded.
struct ReceivedValue {
  Buffer head_block;  ///< Keeps the head, where that is in shared memory.
  std::vector<uint64_t> handles;
  detail::Decoder decoder;
};
Result<ReceivedValue> ReadValue(MessageReader& message, ValuePort& port);

}  // namespace triune::compute
