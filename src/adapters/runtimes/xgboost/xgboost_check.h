// Whether the content of a model file is sound: XGBoost trusts it and crashes, with the whole process, where it is not.
#pragma once

#include <string_view>

#include "triune/status.h"

namespace triune::xgboost {

/// OK for what XGBoost can load and predict with, from the trees' nodes to the number of classes. `text` is the JSON or
/// UBJSON of a model. InvalidArgument names the field, what it says and what it should. Reads the text once, and holds
/// one tree at a time.
/// `old_vectors`: whether the library reads trees of several targets as XGBoost before 3.2 wrote them; newer ones
/// crash.
Status CheckModel(std::string_view text, bool old_vectors = false);

}  // namespace triune::xgboost
