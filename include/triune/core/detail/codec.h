// What types look like as bytes: numbers, strings and vectors of numbers as they lie in memory, buffers out of band,
// all else as MessagePack (https://msgpack.org), by msgpack-cxx.
#pragma once

#ifndef MSGPACK_NO_BOOST
#define MSGPACK_NO_BOOST
#endif
#include <cstddef>
#include <cstring>
#include <msgpack.hpp>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <variant>
#include <vector>

#include "triune/buffer.h"
#include "triune/core/detail/encoder.h"
#include "triune/core/detail/received_object.h"
#include "triune/core/object_ref.h"

namespace triune::detail {

/// Sets what nested types find, for as long as it lives.
template <typename Coder, typename Stored>
class CurrentCoder {
 public:
  explicit CurrentCoder(Stored* coder) : before_(Coder::SetCurrent(coder)) {}
  ~CurrentCoder() { Coder::SetCurrent(before_); }
  CurrentCoder(const CurrentCoder&) = delete;
  CurrentCoder& operator=(const CurrentCoder&) = delete;

 private:
  Stored* before_;
};

template <typename T>
inline constexpr bool kIsPlain = std::is_arithmetic_v<T> || std::is_enum_v<T>;

template <typename T>
struct IsPlainVector : std::false_type {};
template <typename T>
struct IsPlainVector<std::vector<T>> : std::bool_constant<kIsPlain<T> && !std::is_same_v<T, bool>> {};

/// Below this, copying is as fast as keeping.
inline constexpr size_t kSmallBytes = 1024;

template <typename T>
void EncodeValue(Encoder& encoder, const T& value) {
  if constexpr (kIsPlain<T>) {
    encoder.write(reinterpret_cast<const char*>(&value), sizeof(value));
  } else if constexpr (std::is_same_v<T, std::string> || IsPlainVector<T>::value) {
    encoder.Borrow(std::as_bytes(std::span(value.data(), value.size())));
  } else if constexpr (std::is_same_v<T, Buffer>) {
    encoder.Attach(value);
  } else if constexpr (std::is_same_v<T, std::monostate>) {
    // Stands for the result of a function that has none.
  } else {
    const CurrentCoder<Encoder, Encoder> current(&encoder);
    msgpack::pack(encoder, value);
  }
}

/// Of a value that nobody needs afterwards.
template <typename T>
void EncodeResult(Encoder& encoder, T&& value) {
  using Plain = std::remove_cvref_t<T>;
  if constexpr (std::is_same_v<Plain, std::string> || IsPlainVector<Plain>::value) {
    const size_t bytes = value.size() * sizeof(*value.data());
    if (bytes <= kSmallBytes) {
      encoder.write(reinterpret_cast<const char*>(value.data()), bytes);
    } else {
      auto* owner = new Plain(std::forward<T>(value));
      encoder.Own(Buffer::Adopt(owner->data(), bytes, owner, [](void* kept) { delete static_cast<Plain*>(kept); }));
    }
  } else {
    EncodeValue<Plain>(encoder, value);
  }
}

template <typename T>
T DecodeValue(const Decoder& decoder) {
  const std::span<const std::byte> head = decoder.head();
  if constexpr (kIsPlain<T>) {
    T value;
    if (head.size() != sizeof(value)) throw std::length_error("a number of another size");
    std::memcpy(&value, head.data(), sizeof(value));
    return value;
  } else if constexpr (std::is_same_v<T, std::string>) {
    return T(reinterpret_cast<const char*>(head.data()), head.size());
  } else if constexpr (IsPlainVector<T>::value) {
    using Element = typename T::value_type;
    if (head.size() % sizeof(Element) != 0) throw std::length_error("part of a number at the end");
    T value(head.size() / sizeof(Element));
    if (!value.empty()) std::memcpy(value.data(), head.data(), head.size());
    return value;
  } else if constexpr (std::is_same_v<T, Buffer>) {
    return decoder.attached(0);
  } else if constexpr (std::is_same_v<T, std::monostate>) {
    return {};
  } else {
    const CurrentCoder<Decoder, const Decoder> current(&decoder);
    return msgpack::unpack(reinterpret_cast<const char*>(head.data()), head.size())->template as<T>();
  }
}

/// The codec of a type, or null for void.
template <typename T>
constexpr const ValueCodec* CodecOf();

/// References inside of values.
template <typename T>
uint32_t AttachReference(const ObjectRef<T>& reference) {
  Encoder* encoder = Encoder::Current();
  if (encoder == nullptr) throw std::logic_error("references can be packed only as part of an argument or a result");
  if (!reference) throw std::invalid_argument("an empty reference");
  return encoder->Attach(reference.object(), CodecOf<T>());
}
template <typename T>
ObjectRef<T> TakeReference(uint32_t number) {
  const Decoder* decoder = Decoder::Current();
  if (decoder == nullptr || decoder->references() == nullptr) throw std::logic_error("no references have come with it");
  static constexpr auto kMake = []() -> ReceivedObject* { return new TypedReceivedObject<T>(); };
  return ObjectRef<T>(decoder->references()->Take(number, {.type = &typeid(T), .codec = CodecOf<T>(), .make = kMake}));
}

template <typename T>
inline constexpr ValueCodec kCodecOf{
    .type = &typeid(T),
    .encode = [](Encoder& encoder, const void* value) { EncodeValue<T>(encoder, *static_cast<const T*>(value)); },
    .decode = [](const Decoder& decoder, void* place) { ::new (place) T(DecodeValue<T>(decoder)); },
};

template <typename T>
constexpr const ValueCodec* CodecOf() {
  if constexpr (std::is_void_v<T>) {
    return nullptr;
  } else {
    return &kCodecOf<T>;
  }
}

}  // namespace triune::detail

namespace msgpack {
MSGPACK_API_VERSION_NAMESPACE(MSGPACK_DEFAULT_API_NS) {
  namespace adaptor {

  /// A buffer inside of another value: its number; the bytes go along beside it.
  template <>
  struct pack<triune::Buffer> {
    template <typename Stream>
    packer<Stream>& operator()(packer<Stream>& out, const triune::Buffer& buffer) const {
      auto* encoder = triune::detail::Encoder::Current();
      if (encoder == nullptr) throw std::logic_error("buffers can be packed only as part of an argument or a result");
      return out.pack_uint32(encoder->Attach(buffer));
    }
  };
  template <>
  struct convert<triune::Buffer> {
    const msgpack::object& operator()(const msgpack::object& in, triune::Buffer& buffer) const {
      const auto* decoder = triune::detail::Decoder::Current();
      if (decoder == nullptr) throw std::logic_error("buffers can be unpacked only as part of an argument or a result");
      buffer = decoder->attached(in.as<uint32_t>());
      return in;
    }
  };

  template <typename T>
  struct pack<triune::ObjectRef<T>> {
    template <typename Stream>
    packer<Stream>& operator()(packer<Stream>& out, const triune::ObjectRef<T>& reference) const {
      return out.pack_uint32(triune::detail::AttachReference(reference));
    }
  };
  template <typename T>
  struct convert<triune::ObjectRef<T>> {
    const msgpack::object& operator()(const msgpack::object& in, triune::ObjectRef<T>& reference) const {
      reference = triune::detail::TakeReference<T>(in.as<uint32_t>());
      return in;
    }
  };

  }  // namespace adaptor
}
}  // namespace msgpack
