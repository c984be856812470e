// Values as bytes, on their way to another process and back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include "triune/buffer.h"
#include "triune/core/detail/object.h"

namespace triune::detail {

class ReferenceSource;
struct ValueCodec;

/// Takes in one value: its bytes, and the buffers that it refers to, which are not copied. Thread-compatible.
class Encoder {
 public:
  Encoder() = default;
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  /// Appends bytes. The name is what msgpack's packer calls.
  void write(const char* data, size_t size) {
    if (size == 0) return;
    const size_t begin = written_.size();
    written_.resize(begin + size);
    std::memcpy(written_.data() + begin, data, size);
  }
  /// The whole value lies here already, and stays as long as it may be read from the encoder. Instead of write.
  void Borrow(std::span<const std::byte> bytes) { borrowed_ = bytes; }
  /// The same, kept by the encoder.
  void Own(Buffer buffer) {
    owned_ = std::move(buffer);
    borrowed_ = owned_.bytes();
  }
  /// A buffer of which the value is to contain no more than this number.
  uint32_t Attach(Buffer buffer) {
    attached_.push_back(std::move(buffer));
    return static_cast<uint32_t>(attached_.size() - 1);
  }

  /// A reference of which the value is to contain no more than this number. The codec is that of the object's value.
  uint32_t Attach(ObjectPointer object, const ValueCodec* codec) {
    references_.push_back({std::move(object), codec});
    return static_cast<uint32_t>(references_.size() - 1);
  }

  std::span<const std::byte> head() const { return borrowed_.data() != nullptr ? borrowed_ : written_; }
  const std::vector<Buffer>& attached() const { return attached_; }
  struct Reference {
    ObjectPointer object;
    const ValueCodec* codec;
  };
  const std::vector<Reference>& references() const { return references_; }
  void Clear() {
    written_.clear();
    borrowed_ = {};
    owned_.Reset();
    attached_.clear();
    references_.clear();
  }

  /// For types deep inside a value, which see only a stream: where they attach their buffers. Null outside of Encode.
  static Encoder* Current() noexcept;
  static Encoder* SetCurrent(Encoder* encoder) noexcept;

 private:
  std::vector<std::byte> written_;
  std::span<const std::byte> borrowed_;
  Buffer owned_;
  std::vector<Buffer> attached_;
  std::vector<Reference> references_;
};

/// Gives back one value.
class Decoder {
 public:
  Decoder() = default;
  Decoder(std::span<const std::byte> head, std::vector<Buffer> attached,
          std::shared_ptr<const ReferenceSource> references = {})
      : head_(head), attached_(std::move(attached)), references_(std::move(references)) {}

  std::span<const std::byte> head() const { return head_; }
  /// Throws std::out_of_range: the bytes may be anybody's.
  const Buffer& attached(uint32_t number) const { return attached_.at(number); }
  const std::vector<Buffer>& attached() const { return attached_; }

  /// Null when none have come.
  const ReferenceSource* references() const { return references_.get(); }

  static const Decoder* Current() noexcept;
  static const Decoder* SetCurrent(const Decoder* decoder) noexcept;

 private:
  std::span<const std::byte> head_;
  std::vector<Buffer> attached_;
  std::shared_ptr<const ReferenceSource> references_;
};

/// A value as the bytes that it was encoded to.
struct StoredValue {
  Buffer head{};
  std::vector<Buffer> attached{};
  std::vector<ObjectPointer> references{};
};

/// How values of one type become bytes. The functions throw what they like, on values that can't be sent and bytes
/// that are none.
struct ValueCodec {
  const std::type_info* type;
  void (*encode)(Encoder& encoder, const void* value);
  /// Constructs the value there.
  void (*decode)(const Decoder& decoder, void* place);
};

}  // namespace triune::detail
