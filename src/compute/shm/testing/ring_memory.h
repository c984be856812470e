// Rings in memory of one process, and texts as their messages.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <string_view>

#include "compute/shm/ring.h"

namespace triune::compute::shm {

/// Memory that ends where the ring does, for AddressSanitizer to see.
class RingMemory {
 public:
  explicit RingMemory(size_t capacity)
      : bytes_(RingBytes(capacity)), memory_(static_cast<std::byte*>(::operator new(bytes_, std::align_val_t{64}))) {
    std::memset(memory_, 0, bytes_);
    EXPECT_TRUE(FormatRing(span()).ok());
  }
  RingMemory(const RingMemory&) = delete;
  RingMemory& operator=(const RingMemory&) = delete;
  ~RingMemory() { ::operator delete(memory_, std::align_val_t{64}); }

  std::span<std::byte> span() { return {memory_, bytes_}; }
  RingHeader& header() { return *reinterpret_cast<RingHeader*>(memory_); }
  std::byte* data() { return memory_ + sizeof(RingHeader); }

 private:
  size_t bytes_;
  std::byte* memory_;
};

/// False when the ring is full.
inline bool Write(RingWriter& writer, std::string_view text) {
  auto place = writer.Reserve(text.size());
  EXPECT_TRUE(place.ok()) << place.status().ToString();
  if (!place.ok() || !place->has_value()) return false;
  if (!text.empty()) std::memcpy((*place)->data(), text.data(), text.size());
  writer.Commit(text.size());
  return true;
}

/// The next message, and done with it; "none" when there is none, or the error.
inline std::string Read(RingReader& reader) {
  auto message = reader.Peek();
  if (!message.ok()) return message.status().ToString();
  if (!message->has_value()) return "none";
  std::string text(reinterpret_cast<const char*>((*message)->data()), (*message)->size());
  reader.Pop();
  return text;
}

}  // namespace triune::compute::shm
