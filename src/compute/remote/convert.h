// Values as their codecs want them.
#pragma once

#include "triune/core/detail/encoder.h"
#include "triune/core/detail/remote_function.h"
#include "triune/core/detail/task.h"
#include "triune/status.h"

namespace triune::compute {

/// Encodes a value for a parameter. One of another type is converted, where both are numbers, or it is a text;
/// InvalidArgument otherwise, and when the value can't be encoded.
Status EncodeAs(detail::Encoder& encoder, const detail::ValueCodec& codec, const detail::ArgumentView& argument);

/// Decodes the value of the task, which is nobody else's. InvalidArgument when it is of another type, or the bytes are
/// no value.
Status DecodeInto(detail::Task& task, const detail::ValueCodec& codec, const detail::Decoder& decoder);

}  // namespace triune::compute
