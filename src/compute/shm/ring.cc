#include "compute/shm/ring.h"

#include <bit>
#include <cassert>
#include <new>

#include "base/strings.h"

namespace triune::compute::shm {

namespace {

constexpr uint64_t kMagic = 0x474e'4952'4e55'5254;
constexpr size_t kLeastCapacity = 64;
constexpr size_t kGreatestCapacity = size_t{1} << 30U;
constexpr uint64_t kWordBytes = sizeof(uint64_t);
constexpr uint64_t kPadding = uint64_t{1} << 31U;

constexpr uint64_t RecordBytes(uint64_t message) { return kWordBytes + (message + 7) / 8 * 8; }

/// The word before a message: its length, and a check that neither zeros nor the word of another place pass.
constexpr uint64_t WordOf(uint64_t position, uint64_t length) {
  return ((position + 1) * 0x9e37'79b9'7f4a'7c15) >> 32U << 32U | length;
}
constexpr uint64_t kLengthMask = UINT32_MAX;

}  // namespace

Status FormatRing(std::span<std::byte> memory) {
  bool too_small = memory.size() < RingBytes(kLeastCapacity);
  if (too_small || memory.size() > 2 * kGreatestCapacity || reinterpret_cast<uintptr_t>(memory.data()) % 64 != 0) {
    return InvalidArgument(StrCat("memory is not right for a ring: ", memory.size(), " bytes"));
  }
  auto* header = new (memory.data()) RingHeader{};
  header->capacity.store(std::bit_floor(memory.size() - sizeof(RingHeader)), std::memory_order_relaxed);
  header->magic.store(kMagic, std::memory_order_release);
  return {};
}

Result<RingEnd> RingEnd::Open(std::span<std::byte> memory) {
  if (memory.size() < RingBytes(kLeastCapacity) || reinterpret_cast<uintptr_t>(memory.data()) % 64 != 0) {
    return InvalidArgument(StrCat("memory is not right for a ring: ", memory.size(), " bytes"));
  }
  RingEnd end;
  end.header_ = std::launder(reinterpret_cast<RingHeader*>(memory.data()));
  end.data_ = memory.data() + sizeof(RingHeader);
  if (end.header_->magic.load(std::memory_order_acquire) != kMagic) return InvalidArgument("no ring in this memory");
  end.capacity_ = end.header_->capacity.load(std::memory_order_relaxed);
  if (!std::has_single_bit(end.capacity_) || end.capacity_ < kLeastCapacity || end.capacity_ > kGreatestCapacity ||
      end.capacity_ > memory.size() - sizeof(RingHeader)) {
    return end.Break("capacity", end.capacity_);
  }
  return end;
}

std::atomic_ref<uint64_t> RingEnd::WordAt(uint64_t position) const {
  return std::atomic_ref(*reinterpret_cast<uint64_t*>(DataAt(position)));
}

Status RingEnd::Break(const char* what, uint64_t value) {
  broken_ = Status(StatusCode::kDataLoss, StrCat("ring of messages is spoilt: ", what, " ", value));
  return broken_;
}

Result<RingWriter> RingWriter::Attach(std::span<std::byte> memory) {
  TRIUNE_ASSIGN_OR_RETURN(RingEnd end, Open(memory));
  RingWriter writer(end);
  uint64_t written = writer.header_->written.load(std::memory_order_acquire);
  uint64_t read = writer.header_->read.load(std::memory_order_acquire);
  if (written % 8 != 0 || read % 8 != 0 || written - read > writer.capacity_) return writer.Break("written", written);
  writer.committed_ = writer.published_ = written;
  writer.read_ = read;
  return writer;
}

RingWriter::Place RingWriter::PlaceFor(size_t bytes) const {
  uint64_t record = RecordBytes(bytes);
  uint64_t left = UpToEnd(committed_);
  uint64_t padding = record > left ? left : 0;
  return {padding, padding + record};
}

Result<std::optional<std::span<std::byte>>> RingWriter::Reserve(size_t bytes) {
  reserved_.reset();
  if (!broken_.ok()) [[unlikely]]
    return broken_;
  if (bytes > longest_message()) [[unlikely]] {
    return InvalidArgument(StrCat("message is too long for its ring: got ", bytes, ", want ", longest_message()));
  }
  Place place = PlaceFor(bytes);
  if (capacity_ - (committed_ - read_) < place.total) {
    uint64_t read = header_->read.load(std::memory_order_acquire);
    if (!CanBeRead(read)) [[unlikely]]
      return Break("read", read);
    read_ = read;
    if (capacity_ - (committed_ - read_) < place.total) {
      Publish();
      return std::optional<std::span<std::byte>>();
    }
  }
  reserved_ = bytes;
  return std::optional(std::span(DataAt(committed_ + place.padding) + kWordBytes, bytes));
}

void RingWriter::Commit(size_t bytes) {
  assert(reserved_ && bytes <= *reserved_);
  // The place is the one that was reserved, also if a shorter message would do without the padding.
  uint64_t padding = PlaceFor(*reserved_).padding;
  reserved_.reset();
  if (padding > 0) {
    WordAt(committed_).store(WordOf(committed_, kPadding | (padding - kWordBytes)), std::memory_order_relaxed);
    committed_ += padding;
  }
  WordAt(committed_).store(WordOf(committed_, bytes), std::memory_order_relaxed);
  committed_ += RecordBytes(bytes);
}

bool RingWriter::Publish() {
  if (committed_ == published_) return false;
  header_->written.store(committed_, std::memory_order_release);
  published_ = committed_;
  return true;
}

bool RingWriter::HasRoom(size_t bytes) const {
  if (!broken_.ok() || bytes > longest_message()) return true;
  uint64_t read = header_->read.load(std::memory_order_acquire);
  return !CanBeRead(read) || capacity_ - (committed_ - read) >= PlaceFor(bytes).total;
}

Result<RingReader> RingReader::Attach(std::span<std::byte> memory) {
  TRIUNE_ASSIGN_OR_RETURN(RingEnd end, Open(memory));
  RingReader reader(end);
  uint64_t read = reader.header_->read.load(std::memory_order_acquire);
  if (read % 8 != 0) return reader.Break("read", read);
  reader.read_ = reader.written_ = read;
  TRIUNE_RETURN_IF_ERROR(reader.LoadWritten());
  return reader;
}

Status RingReader::LoadWritten() {
  uint64_t written = header_->written.load(std::memory_order_acquire);
  // It goes on from where it was, no further than the capacity from what was read.
  if (written % 8 != 0 || written - read_ > capacity_ || written - read_ < written_ - read_) [[unlikely]] {
    return Break("written", written);
  }
  written_ = written;
  return {};
}

Result<std::optional<std::span<const std::byte>>> RingReader::Peek() {
  if (!broken_.ok()) [[unlikely]]
    return broken_;
  if (read_ == written_) {
    TRIUNE_RETURN_IF_ERROR(LoadWritten());
    if (read_ == written_) return std::optional<std::span<const std::byte>>();
  }
  for (bool padded = false;; padded = true) {
    if (read_ == written_) [[unlikely]]
      return Break("nothing after padding at", read_);
    uint64_t word = WordAt(read_).load(std::memory_order_relaxed);
    uint64_t length = word & kLengthMask & ~kPadding;
    uint64_t record = RecordBytes(length);
    bool wrong = (word & ~kLengthMask) != WordOf(read_, 0) || record > written_ - read_ || record > UpToEnd(read_);
    if (wrong) [[unlikely]]
      return Break("record at", read_);
    if ((word & kPadding) == 0) {
      peeked_ = record;
      return std::optional(std::span<const std::byte>(DataAt(read_) + kWordBytes, length));
    }
    if (padded || record != UpToEnd(read_)) return Break("padding at", read_);
    read_ += record;
  }
}

void RingReader::Pop() {
  assert(peeked_ > 0);
  read_ += peeked_;
  peeked_ = 0;
  header_->read.store(read_, std::memory_order_release);
}

bool RingReader::HasMessage() const {
  if (!broken_.ok() || read_ != written_) return true;
  return header_->written.load(std::memory_order_acquire) != written_;
}

}  // namespace triune::compute::shm
