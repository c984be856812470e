// The values that XGBoost predicts from.
#pragma once

#include "triune/runtime.h"
#include "triune/status.h"

namespace triune::xgboost {

/// OK when no value of the matrix is infinite as FP32, in which XGBoost computes: Booster.predict refuses such input,
/// the faster functions that we call would answer something. InvalidArgument names the first one's row and column.
Status CheckFinite(const triune_tensor& input);

}  // namespace triune::xgboost
