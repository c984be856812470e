#include "compute/process/link.h"

#include <sched.h>

#include <cstring>

namespace triune::compute {
namespace {

constexpr uint64_t kPageAt = shm::Segment::kHeaderBytes;
constexpr uint64_t kRingsAt = kPageAt + 4096;
constexpr uint64_t kRingBytes = shm::RingBytes(Link::kRingCapacity);

/// With one processor, whoever is waited for can't come before this one sleeps.
Duration Spin() {
  static const bool alone = [] {
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof(allowed), &allowed) == 0 && CPU_COUNT(&allowed) < 2;
  }();
  return alone ? Duration::zero() : shm::Doorbell::kDefaultSpin;
}

}  // namespace

Link::Link(LinkPage* page, shm::RingWriter writer, shm::RingReader reader, shm::DoorbellWord& incoming,
           shm::DoorbellWord& outgoing)
    : page_(page),
      writer_(std::move(writer)),
      reader_(std::move(reader)),
      incoming_(incoming, Spin()),
      incoming_without_spin_(incoming, Duration::zero()),
      outgoing_(outgoing, Spin()) {}

Result<shm::Segment> Link::Create() {
  TRIUNE_ASSIGN_OR_RETURN(shm::Segment segment, shm::Segment::Create(kRingsAt + 2 * kRingBytes));
  for (uint64_t i = 0; i < 2; ++i) {
    TRIUNE_ASSIGN_OR_RETURN(std::span<std::byte> memory, segment.Slice(kRingsAt + i * kRingBytes, kRingBytes));
    TRIUNE_RETURN_IF_ERROR(shm::FormatRing(memory));
  }
  return segment;
}

Result<Link> Link::Open(const shm::Segment& segment, End end) {
  TRIUNE_ASSIGN_OR_RETURN(std::span<std::byte> memory, segment.Slice(kPageAt, sizeof(LinkPage)));
  auto* page = reinterpret_cast<LinkPage*>(memory.data());
  TRIUNE_ASSIGN_OR_RETURN(std::span<std::byte> down, segment.Slice(kRingsAt, kRingBytes));
  TRIUNE_ASSIGN_OR_RETURN(std::span<std::byte> up, segment.Slice(kRingsAt + kRingBytes, kRingBytes));
  const bool is_driver = end == End::kDriver;
  TRIUNE_ASSIGN_OR_RETURN(auto writer, shm::RingWriter::Attach(is_driver ? down : up));
  TRIUNE_ASSIGN_OR_RETURN(auto reader, shm::RingReader::Attach(is_driver ? up : down));
  return Link(page, std::move(writer), std::move(reader), is_driver ? page->to_driver : page->to_worker,
              is_driver ? page->to_worker : page->to_driver);
}

Result<bool> Link::TryWrite(std::span<const std::byte> message) {
  TRIUNE_ASSIGN_OR_RETURN(auto place, writer_.Reserve(message.size()));
  if (!place.has_value()) return false;
  std::memcpy(place->data(), message.data(), message.size());
  writer_.Commit(message.size());
  return true;
}

void Link::Flush(bool ring) {
  unheard_ |= writer_.Publish();
  if (!ring || !unheard_) return;
  unheard_ = false;
  outgoing_.Ring();
}

}  // namespace triune::compute
