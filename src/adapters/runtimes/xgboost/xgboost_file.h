// The files of XGBoost models.
#pragma once

#include <string>

#include "triune/status.h"

namespace triune::xgboost {

/// The bytes of a JSON or UBJSON model, whatever the file is called: XGBoost tells the two apart by content.
/// NotFound when there is no file. InvalidArgument when the content is neither: most likely the binary format that
/// XGBoost gave up in 3.1, so the message says how to convert it.
Result<std::string> ReadModelFile(const std::string& path);

/// Whether a file can be a model: JSON files must look like one of XGBoost's, others are known by their names.
bool LooksLikeModel(const std::string& path);

}  // namespace triune::xgboost
