#include "compute/process/value_message.h"

#include <utility>

namespace triune::compute {
namespace {

/// What is larger goes into a block. Copying so much takes about as long as asking for one.
constexpr size_t kMostInline = size_t{8} << 10U;
/// The same of the whole message: many small pieces must not make it too long.
constexpr size_t kMostInMessage = size_t{48} << 10U;

enum class Place : uint8_t { kInline, kBlock };

Status WriteBytes(MessageWriter& message, std::span<const std::byte> bytes, ValuePort& port) {
  if (bytes.size() <= kMostInline && message.size() + bytes.size() <= kMostInMessage) {
    message.Put(Place::kInline);
    message.Put(static_cast<uint64_t>(bytes.size()));
    message.Bytes(bytes);
    return {};
  }
  TRIUNE_ASSIGN_OR_RETURN(const PieceInBlock piece, port.Place(bytes));
  message.Put(Place::kBlock);
  message.Put(piece);
  return {};
}

Status WriteBuffer(MessageWriter& message, const Buffer& buffer, ValuePort& port) {
  std::optional<PieceInBlock> piece = port.Share(buffer);
  if (!piece) return WriteBytes(message, buffer.bytes(), port);
  message.Put(Place::kBlock);
  message.Put(*piece);
  return {};
}

struct Piece {
  std::span<const std::byte> here;
  std::optional<Buffer> block;
};

Result<Piece> ReadPiece(MessageReader& message, ValuePort& port) {
  if (message.Take<Place>() == Place::kInline) {
    const auto size = message.Take<uint64_t>();
    return Piece{.here = message.Bytes(size), .block = {}};
  }
  const auto piece = message.Take<PieceInBlock>();
  if (message.failed()) return Piece{};
  TRIUNE_ASSIGN_OR_RETURN(Buffer block, port.Open(piece));
  return Piece{.here = {}, .block = std::move(block)};
}

Status WriteBuffers(MessageWriter& message, const std::vector<Buffer>& buffers, ValuePort& port) {
  message.Put(static_cast<uint32_t>(buffers.size()));
  for (const Buffer& buffer : buffers) TRIUNE_RETURN_IF_ERROR(WriteBuffer(message, buffer, port));
  return {};
}

}  // namespace

Status WriteValue(MessageWriter& message, const detail::Encoder& value, ValuePort& port) {
  TRIUNE_RETURN_IF_ERROR(WriteBytes(message, value.head(), port));
  TRIUNE_RETURN_IF_ERROR(WriteBuffers(message, value.attached(), port));
  message.Put(static_cast<uint32_t>(value.references().size()));
  for (const auto& reference : value.references()) {
    TRIUNE_ASSIGN_OR_RETURN(const uint64_t handle, port.Refer(reference.object, reference.codec));
    message.Put(handle);
  }
  return {};
}

Status WriteStored(MessageWriter& message, const detail::StoredValue& value, ValuePort& port) {
  TRIUNE_RETURN_IF_ERROR(WriteBuffer(message, value.head, port));
  TRIUNE_RETURN_IF_ERROR(WriteBuffers(message, value.attached, port));
  message.Put(static_cast<uint32_t>(value.references.size()));
  for (const auto& object : value.references) {
    TRIUNE_ASSIGN_OR_RETURN(const uint64_t handle, port.Refer(object, nullptr));
    message.Put(handle);
  }
  return {};
}

Result<ReceivedValue> ReadValue(MessageReader& message, ValuePort& port) {
  ReceivedValue value;
  TRIUNE_ASSIGN_OR_RETURN(Piece head, ReadPiece(message, port));
  if (head.block.has_value()) {
    value.head_block = *std::move(head.block);
    head.here = value.head_block.bytes();
  }
  const auto count = message.Take<uint32_t>();
  std::vector<Buffer> attached;
  for (uint32_t i = 0; i < count && !message.failed(); ++i) {
    TRIUNE_ASSIGN_OR_RETURN(Piece piece, ReadPiece(message, port));
    attached.push_back(piece.block.has_value() ? *std::move(piece.block) : Buffer::CopyOf(piece.here));
  }
  const auto references = message.Take<uint32_t>();
  for (uint32_t i = 0; i < references && !message.failed(); ++i) value.handles.push_back(message.Take<uint64_t>());
  if (message.failed()) return Status(StatusCode::kDataLoss, "a value that ends too early");
  std::shared_ptr<const detail::ReferenceSource> source;
  if (references > 0) {
    TRIUNE_ASSIGN_OR_RETURN(source, port.References(value.handles));
  }
  value.decoder = detail::Decoder(head.here, std::move(attached), std::move(source));
  return value;
}

}  // namespace triune::compute
