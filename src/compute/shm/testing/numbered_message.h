// Messages that tell whether they have arrived whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace triune::compute::shm {

/// What the number says, and nothing else: the length, up to `most`, and each byte.
class NumberedMessage {
 public:
  NumberedMessage(uint64_t number, size_t most) : state_(number * 0x9e37'79b9'7f4a'7c15), size_(Next() % (most + 1)) {}

  size_t size() const { return size_; }
  void WriteTo(std::span<std::byte> to) const {
    NumberedMessage copy = *this;
    for (std::byte& byte : to) byte = std::byte(copy.Next());
  }
  bool Is(std::span<const std::byte> message) const {
    if (message.size() != size_) return false;
    NumberedMessage copy = *this;
    for (std::byte byte : message) {
      if (byte != std::byte(copy.Next())) return false;
    }
    return true;
  }

 private:
  uint32_t Next() {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<uint32_t>(state_ >> 33U);
  }

  uint64_t state_;
  size_t size_;
};

}  // namespace triune::compute::shm
