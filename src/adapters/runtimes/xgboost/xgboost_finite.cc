#include "adapters/runtimes/xgboost/xgboost_finite.h"

#include <cmath>
#include <cstddef>
#include <cstdio>

#include "base/strings.h"

namespace triune::xgboost {
namespace {

template <typename T>
bool IsInfinite(T value) {
  return std::isinf(static_cast<float>(value));
}

template <typename T>
Status Check(const triune_tensor& input) {
  const T* values = static_cast<const T*>(input.data);
  size_t count = input.size / sizeof(T);
  // Without a way out of the loop, so that it is vectorised.
  bool any = false;
  for (size_t i = 0; i < count; ++i) any |= IsInfinite(values[i]);
  if (!any) [[likely]]
    return {};
  size_t first = 0;
  while (!IsInfinite(values[first])) ++first;
  auto columns = static_cast<size_t>(input.dims[1]);
  char got[32];
  std::snprintf(got, sizeof(got), "%g", static_cast<double>(values[first]));
  return InvalidArgument(StrCat("input has a value that is infinite, or too large for FP32, in row ", first / columns,
                                ", column ", first % columns, " (from 0): got ", got,
                                ", want a finite one, or NaN for a missing one"));
}

}  // namespace

Status CheckFinite(const triune_tensor& input) {
  switch (input.dtype) {
    case TRIUNE_FP32:
      return Check<float>(input);
    case TRIUNE_FP64:
      return Check<double>(input);
    default:
      return {};
  }
}

}  // namespace triune::xgboost
