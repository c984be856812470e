#include "triune/core/session.h"

#include "base/clock.h"
#include "base/cores.h"
#include "compute/local/local_engine.h"

namespace triune {

Session::Session(const SessionOptions& options)
    : engine_(std::make_unique<compute::LocalEngine>(options.cpus > 0 ? options.cpus : AvailableCores())) {}
Session::~Session() = default;

Status Session::WaitFor(detail::Object& object, Duration timeout) {
  if (!object.ready()) {
    TimePoint deadline = timeout == Duration::max() ? kNever : DeadlineAfter(Clock::System().Now(), timeout);
    if (!engine_->WaitFor(object, deadline)) return DeadlineExceeded("the object was not ready in time");
  }
  return object.status();
}

std::vector<size_t> Session::WaitForSome(std::span<detail::Object* const> objects, size_t count, Duration timeout) {
  TimePoint deadline = timeout == Duration::max() ? kNever : DeadlineAfter(Clock::System().Now(), timeout);
  engine_->WaitForSome(objects, count, deadline);
  std::vector<size_t> ready;
  for (size_t i = 0; i < objects.size(); ++i) {
    if (objects[i]->ready()) ready.push_back(i);
  }
  return ready;
}

}  // namespace triune
