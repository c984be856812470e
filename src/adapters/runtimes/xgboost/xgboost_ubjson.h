// The structure of UBJSON, which XGBoost's own parser trusts: it crashes on a file that is cut short.
#pragma once

#include <string_view>

#include "base/status.h"

namespace triune::xgboost {

/// OK when `text` is exactly one well-formed UBJSON object (https://ubjson.org): every length fits into what is left.
/// InvalidArgument names the position of what is wrong.
Status CheckUbjson(std::string_view text);

/// Whether an object is UBJSON rather than JSON: after the brace of JSON comes a quote, a brace or white space.
bool IsUbjson(std::string_view text);

}  // namespace triune::xgboost
