#include "serve/load/capture.h"

#include <poll.h>

#include <array>
#include <cstdint>
#include <string>

#include "base/strings.h"

namespace triune::bench {
namespace {

constexpr int kLongestWaitMs = 60'000;

Status WaitForAnswer(Connection& connection) {
  pollfd event{.fd = connection.fd(), .events = POLLIN, .revents = 0};
  for (int waited_ms = 0; waited_ms < kLongestWaitMs;) {
    TRIUNE_ASSIGN_OR_RETURN(const bool complete, connection.Advance());
    if (complete) return {};
    // What is left to be written has no event of its own here: look again after a millisecond. Nothing is measured.
    if (poll(&event, 1, 1) == 0) ++waited_ms;
  }
  return DeadlineExceeded("no answer");
}

}  // namespace

Status CaptureAnswers(Connection& connection, size_t body_count, std::FILE* out) {
  for (size_t index = 0; index < body_count; ++index) {
    TRIUNE_RETURN_IF_ERROR(connection.Send(index));
    TRIUNE_RETURN_IF_ERROR(WaitForAnswer(connection).WithContext(StrCat("body ", index)));
    const Answer answer = connection.answer();
    const std::array<uint32_t, 4> sizes{static_cast<uint32_t>(index), answer.ok ? 1U : 0U,
                                        static_cast<uint32_t>(answer.head.size()),
                                        static_cast<uint32_t>(answer.body.size())};
    std::fwrite(sizes.data(), sizeof(uint32_t), sizes.size(), out);
    std::fwrite(answer.head.data(), 1, answer.head.size(), out);
    std::fwrite(answer.body.data(), 1, answer.body.size(), out);
  }
  return std::fflush(out) == 0 ? Status() : Unavailable("cannot write the answers");
}

}  // namespace triune::bench
