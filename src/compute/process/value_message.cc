#include "compute/process/value_message.h"

#include <utility>

namespace triune::compute {
namespace {

/// What is larger goes into a block. Copying so much takes about as long as asking for one.
constexpr size_t kMostInline = size_t{8} << 10U;
constexpr uint32_t kMostPieces = 1U << 20U;

enum class Place : uint8_t { kInline, kBlock };

Status WriteBytes(MessageWriter& message, std::span<const std::byte> bytes, PieceStore& store) {
  if (bytes.size() <= kMostInline) {
    message.Put(Place::kInline);
    message.Put(static_cast<uint64_t>(bytes.size()));
    message.Bytes(bytes);
    return {};
  }
  TRIUNE_ASSIGN_OR_RETURN(const PieceInBlock piece, store.Place(bytes));
  message.Put(Place::kBlock);
  message.Put(piece);
  return {};
}

struct Piece {
  std::span<const std::byte> here;
  std::optional<Buffer> block;
};

Result<Piece> ReadPiece(MessageReader& message, PieceStore& store) {
  if (message.Take<Place>() == Place::kInline) {
    const auto size = message.Take<uint64_t>();
    return Piece{.here = message.Bytes(size), .block = {}};
  }
  const auto piece = message.Take<PieceInBlock>();
  if (message.failed()) return Piece{};
  TRIUNE_ASSIGN_OR_RETURN(Buffer block, store.Open(piece));
  return Piece{.here = {}, .block = std::move(block)};
}

}  // namespace

Status WriteValue(MessageWriter& message, const detail::Encoder& value, PieceStore& store) {
  TRIUNE_RETURN_IF_ERROR(WriteBytes(message, value.head(), store));
  message.Put(static_cast<uint32_t>(value.attached().size()));
  for (const Buffer& buffer : value.attached()) {
    if (std::optional<PieceInBlock> piece = store.Share(buffer)) {
      message.Put(Place::kBlock);
      message.Put(*piece);
    } else {
      TRIUNE_RETURN_IF_ERROR(WriteBytes(message, buffer.bytes(), store));
    }
  }
  return {};
}

Result<ReceivedValue> ReadValue(MessageReader& message, PieceStore& store) {
  ReceivedValue value;
  TRIUNE_ASSIGN_OR_RETURN(Piece head, ReadPiece(message, store));
  if (head.block.has_value()) {
    value.head_block = *std::move(head.block);
    head.here = value.head_block.bytes();
  }
  const auto count = message.Take<uint32_t>();
  if (message.failed() || count > kMostPieces) return Status(StatusCode::kDataLoss, "a value that ends too early");
  std::vector<Buffer> attached;
  for (uint32_t i = 0; i < count && !message.failed(); ++i) {
    TRIUNE_ASSIGN_OR_RETURN(Piece piece, ReadPiece(message, store));
    attached.push_back(piece.block.has_value() ? *std::move(piece.block) : Buffer::CopyOf(piece.here));
  }
  if (message.failed()) return Status(StatusCode::kDataLoss, "a value that ends too early");
  value.decoder = detail::Decoder(head.here, std::move(attached));
  return value;
}

}  // namespace triune::compute
