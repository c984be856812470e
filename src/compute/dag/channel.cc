#include "compute/dag/channel.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "compute/process/error_message.h"

namespace triune::compute {
namespace {

/// A block is not kept for less than this part of it, unless it is small.
constexpr uint64_t kMostWaste = 4;
constexpr uint64_t kSmallBlock = uint64_t{64} << 10U;

Status Nonsense(const char* what) { return Status(StatusCode::kDataLoss, what); }

}  // namespace

// With buffers: u64 number of buffers, u64 size of the head, u64 size of each buffer, and then their bytes.

Result<EncodedForm> FormOf(const detail::Encoder& value) {
  if (!value.references().empty()) {
    return InvalidArgument("references can't be passed between processes in a compiled DAG");
  }
  if (value.attached().empty()) return EncodedForm{ValueSlot::kPlain, value.head().size()};
  size_t bytes = (2 + value.attached().size()) * sizeof(uint64_t) + value.head().size();
  for (const Buffer& buffer : value.attached()) bytes += buffer.size();
  return EncodedForm{ValueSlot::kWithBuffers, bytes};
}

void WriteForm(const detail::Encoder& value, const EncodedForm& form, std::span<std::byte> out) {
  std::byte* at = out.data();
  auto put = [&](const void* from, size_t size) {
    if (size != 0) std::memcpy(at, from, size);
    at += size;
  };
  auto put_number = [&](uint64_t number) { put(&number, sizeof(number)); };
  if (form.kind == ValueSlot::kWithBuffers) {
    put_number(value.attached().size());
    put_number(value.head().size());
    for (const Buffer& buffer : value.attached()) put_number(buffer.size());
  }
  put(value.head().data(), value.head().size());
  if (form.kind == ValueSlot::kWithBuffers) {
    for (const Buffer& buffer : value.attached()) put(buffer.data(), buffer.size());
  }
}

Result<ChannelWriter::Place> ChannelWriter::PlaceFor(uint32_t room, size_t bytes) {
  if (bytes <= ValueSlot::kBytes) return Place{{region_.slot(value_, room).bytes, bytes}, 0};
  shm::Block& kept = kept_[room];
  if (kept.bytes < bytes || (kept.bytes > kSmallBlock && kept.bytes / kMostWaste > bytes)) {
    const uint64_t old = std::exchange(kept, {}).offset;
    TRIUNE_ASSIGN_OR_RETURN(kept, blocks_.Exchange(old, bytes));
  }
  TRIUNE_ASSIGN_OR_RETURN(std::span<std::byte> place, blocks_.At(kept.offset, bytes));
  return Place{place, kept.offset};
}

Status ChannelWriter::TryWrite(uint32_t room, uint64_t number, const detail::Encoder& value) {
  TRIUNE_ASSIGN_OR_RETURN(const EncodedForm form, FormOf(value));
  TRIUNE_ASSIGN_OR_RETURN(const Place place, PlaceFor(room, form.bytes));
  WriteForm(value, form, place.bytes);
  Publish(room, number, form.kind, place.block, form.bytes);
  return {};
}

void ChannelWriter::Write(uint32_t room, uint64_t number, const detail::Encoder& value) {
  Status status = TryWrite(room, number, value);
  if (!status.ok()) WriteError(room, number, status);
}

void ChannelWriter::WriteError(uint32_t room, uint64_t number, const Status& error) {
  std::vector<std::byte> bytes;
  MessageWriter message(bytes);
  WriteStatus(message, error);
  PassError(room, number, bytes);
}

void ChannelWriter::PassError(uint32_t room, uint64_t number, std::span<const std::byte> error) {
  Result<Place> place = PlaceFor(room, error.size());
  if (!place.ok()) {
    // Without its stack and causes there is room for it in the slot.
    MessageReader reader(error);
    const auto code = reader.Take<StatusCode>();
    return WriteError(room, number, Status(code, reader.Text().substr(0, ValueSlot::kBytes / 2)));
  }
  if (!error.empty()) std::memcpy(place->bytes.data(), error.data(), error.size());
  Publish(room, number, ValueSlot::kError, place->block, error.size());
}

void ChannelWriter::Publish(uint32_t room, uint64_t number, ValueSlot::Kind kind, uint64_t block, size_t size) {
  ValueSlot& slot = region_.slot(value_, room);
  slot.block.store(block, std::memory_order_relaxed);
  slot.size.store(size, std::memory_order_relaxed);
  slot.kind.store(kind, std::memory_order_relaxed);
  slot.sequence.store(number + 1, std::memory_order_release);
}

Result<ChannelValue> ReadChannel(const DagRegion& region, DagBlocks& blocks, uint32_t value, uint32_t room) {
  ValueSlot& slot = region.slot(value, room);
  const uint64_t block = slot.block.load(std::memory_order_relaxed);
  const uint64_t size = slot.size.load(std::memory_order_relaxed);
  const uint32_t kind = slot.kind.load(std::memory_order_relaxed);
  if (kind > ValueSlot::kError) return Nonsense("a value of a compiled DAG of no known kind");
  ChannelValue read{.kind = static_cast<ValueSlot::Kind>(kind), .bytes = {}};
  if (block == 0) {
    if (size > ValueSlot::kBytes) return Nonsense("a value of a compiled DAG that is longer than its place");
    read.bytes = {slot.bytes, static_cast<size_t>(size)};
  } else {
    TRIUNE_ASSIGN_OR_RETURN(std::span<std::byte> bytes, blocks.At(block, size));
    read.bytes = bytes;
    read.is_in_slot = false;
  }
  return read;
}

Result<detail::Decoder> ChannelValue::Decoder() const {
  if (kind == ValueSlot::kPlain) return detail::Decoder(bytes, {});
  MessageReader reader(bytes);
  const auto count = reader.Take<uint64_t>();
  const auto head_size = reader.Take<uint64_t>();
  if (reader.failed() || count > reader.left() / sizeof(uint64_t)) return Nonsense("buffers that are not there");
  std::vector<uint64_t> sizes;
  for (uint64_t i = 0; i < count; ++i) sizes.push_back(reader.Take<uint64_t>());
  const std::span<const std::byte> head = reader.Bytes(head_size);
  std::vector<Buffer> buffers;
  for (const uint64_t size : sizes) {
    const std::span<const std::byte> buffer = reader.Bytes(size);
    if (reader.failed()) break;
    buffers.push_back(Buffer::CopyOf(buffer));
  }
  if (reader.failed()) return Nonsense("a value of a compiled DAG that ends too early");
  return detail::Decoder(head, std::move(buffers));
}

}  // namespace triune::compute
