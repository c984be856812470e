#include "triune/core/detail/received_object.h"

#include <exception>
#include <string>

#include "triune/core/detail/names.h"

namespace triune::detail {

void ReceivedObject::Fill(const Decoder& decoder) noexcept {
  Status status;
  try {
    if (codec_ != nullptr) {
      codec_->decode(decoder, place());
      has_value_ = true;
    } else if (value_type() != typeid(void)) {
      status = InvalidArgument("there is no value, expected " + TypeName(value_type()));
    }
  } catch (const std::exception& error) {
    status = InvalidArgument("the bytes are no " + TypeName(value_type()) + ": " + error.what());
  } catch (...) {
    status = InvalidArgument("the bytes are no " + TypeName(value_type()));
  }
  SetReady(std::move(status));
}

}  // namespace triune::detail
