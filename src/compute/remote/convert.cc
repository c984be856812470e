#include "compute/remote/convert.h"

#include <array>
#include <exception>
#include <string>
#include <string_view>
#include <tuple>
#include <typeinfo>
#include <variant>

#include "triune/core/detail/names.h"

namespace triune::compute {
namespace {

template <typename... T>
struct Types {};
using Numbers = Types<bool, char, signed char, unsigned char, short, unsigned short, int, unsigned int, long,
                      unsigned long, long long, unsigned long long, float, double>;

template <typename From, typename... To>
bool EncodeNumberAs(Types<To...>, detail::Encoder& encoder, const detail::ValueCodec& codec, const void* value) {
  auto try_one = [&]<typename T>(T*) {
    if (*codec.type != typeid(T)) return false;
    const T converted = static_cast<T>(*static_cast<const From*>(value));
    codec.encode(encoder, &converted);
    return true;
  };
  return (try_one(static_cast<To*>(nullptr)) || ...);
}

template <typename... From>
bool EncodeNumber(Types<From...>, detail::Encoder& encoder, const detail::ValueCodec& codec,
                  const detail::ArgumentView& argument) {
  return ((*argument.type == typeid(From) && EncodeNumberAs<From>(Numbers(), encoder, codec, argument.value)) || ...);
}

/// Where it is neither the parameter's type nor can it be made one.
bool EncodeConverted(detail::Encoder& encoder, const detail::ValueCodec& codec, const detail::ArgumentView& argument) {
  // The result of a function that has none.
  if (*codec.type == typeid(std::monostate)) return *argument.type == typeid(void);
  if (*codec.type == typeid(std::string)) {
    std::string_view text;
    if (*argument.type == typeid(const char*) || *argument.type == typeid(char*)) {
      text = *static_cast<const char* const*>(argument.value);
    } else if (*argument.type == typeid(std::string_view)) {
      text = *static_cast<const std::string_view*>(argument.value);
    } else {
      return false;
    }
    encoder.write(text.data(), text.size());
    return true;
  }
  return EncodeNumber(Numbers(), encoder, codec, argument);
}

Status CodecError(const char* what, const detail::ValueCodec& codec) {
  const std::string prefix = std::string(what) + " " + detail::TypeName(*codec.type);
  try {
    throw;
  } catch (const std::exception& error) {
    return InvalidArgument(prefix + ": " + error.what());
  } catch (...) {
    return InvalidArgument(prefix);
  }
}

}  // namespace

Status EncodeAs(detail::Encoder& encoder, const detail::ValueCodec& codec, const detail::ArgumentView& argument) {
  try {
    if (*argument.type == *codec.type) {
      codec.encode(encoder, argument.value);
    } else if (!EncodeConverted(encoder, codec, argument)) {
      return InvalidArgument("the registered parameter is a " + detail::TypeName(*codec.type) + ", this is a " +
                             detail::TypeName(*argument.type));
    }
    return {};
  } catch (...) {
    return CodecError("could not be sent as", codec);
  }
}

Status DecodeInto(detail::Task& task, const detail::ValueCodec& codec, const detail::Decoder& decoder) {
  const std::type_info& wanted = task.value_type();
  if (wanted != *codec.type) {
    return InvalidArgument("the registered function returns a " + detail::TypeName(*codec.type) + ", expected a " +
                           detail::TypeName(wanted));
  }
  try {
    codec.decode(decoder, task.place_for_value());
    task.SetHasValue();
    return {};
  } catch (...) {
    return CodecError("the bytes are no", codec);
  }
}

}  // namespace triune::compute
