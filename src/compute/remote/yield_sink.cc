#include "triune/core/detail/yield_sink.h"

#include <utility>

namespace triune::detail {
namespace {

thread_local constinit YieldSink* current_sink = nullptr;

}  // namespace

YieldSink* YieldSink::Current() noexcept { return current_sink; }
YieldSink* YieldSink::SetCurrent(YieldSink* sink) noexcept { return std::exchange(current_sink, sink); }

Status YieldAll(GeneratorFrame frame) {
  YieldSink* sink = YieldSink::Current();
  if (sink == nullptr) return Internal("a generator whose values nobody takes");
  while (frame.Next()) TRIUNE_RETURN_IF_ERROR(sink->Yield(frame.value()));
  return frame.status();
}

}  // namespace triune::detail
