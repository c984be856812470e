#include "data/shape.h"

#include <algorithm>
#include <cassert>

namespace triune {

Shape::Shape(std::span<const int64_t> dims) : rank_(dims.size()) {
  assert(dims.size() <= kMaxRank);
  std::copy(dims.begin(), dims.end(), dims_.begin());
}

std::optional<int64_t> Shape::ElementCount() const {
  int64_t count = 1;
  bool zero = false;
  for (int64_t dim : dims()) {
    if (dim < 0) return std::nullopt;
    if (dim == 0) {
      zero = true;
    } else if (__builtin_mul_overflow(count, dim, &count)) {
      return std::nullopt;
    }
  }
  return zero ? 0 : count;
}

bool Shape::Accepts(const Shape& shape) const {
  if (shape.rank() != rank_) return false;
  for (size_t i = 0; i < rank_; ++i) {
    if (dims_[i] != -1 && dims_[i] != shape[i]) return false;
  }
  return true;
}

std::string Shape::ToString() const {
  std::string text = "[";
  for (size_t i = 0; i < rank_; ++i) {
    if (i > 0) text += ',';
    text += std::to_string(dims_[i]);
  }
  return text + ']';
}

bool operator==(const Shape& a, const Shape& b) { return std::ranges::equal(a.dims(), b.dims()); }

}  // namespace triune
