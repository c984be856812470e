// Sending every body once and handing out the answers, for a comparison with the model's own answers.
#pragma once

#include <cstddef>
#include <cstdio>

#include "serve/load/connection.h"
#include "triune/status.h"

namespace triune::bench {

/// Writes per body, in order: four uint32 {index, 1 if it succeeded, bytes of head, bytes of body}, the head, the body.
Status CaptureAnswers(Connection& connection, size_t body_count, std::FILE* out);

}  // namespace triune::bench
