#include "triune/core/detail/encoder.h"

namespace triune::detail {
namespace {

thread_local constinit Encoder* current_encoder = nullptr;
thread_local constinit const Decoder* current_decoder = nullptr;

}  // namespace

Encoder* Encoder::Current() noexcept { return current_encoder; }
Encoder* Encoder::SetCurrent(Encoder* encoder) noexcept { return std::exchange(current_encoder, encoder); }
const Decoder* Decoder::Current() noexcept { return current_decoder; }
const Decoder* Decoder::SetCurrent(const Decoder* decoder) noexcept { return std::exchange(current_decoder, decoder); }

}  // namespace triune::detail
