// The first call of a model, made before anybody waits for it.
#pragma once

#include "base/clock.h"
#include "model/runtime.h"
#include "serving/call_cost.h"

namespace triune::serving {

/// Runs the model on zeros (every free dimension 1, strings empty) a few times and records how long it took, so that
/// the first request already knows where to run. A model that refuses such inputs is left alone: it learns from its
/// first real requests.
void WarmUp(model::Model& model, const Clock& clock, CallCost& costs);

}  // namespace triune::serving
