// The shape of a tensor.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>

namespace triune {

/// Up to kMaxRank dimensions, stored in place. Dimensions are >= 0 in a tensor; in a signature -1 means "any".
/// Value type.
class Shape {
 public:
  static constexpr size_t kMaxRank = 16;

  Shape() = default;
  /// At most kMaxRank dims.
  Shape(std::initializer_list<int64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  explicit Shape(std::span<const int64_t> dims);

  size_t rank() const { return rank_; }
  int64_t operator[](size_t i) const { return dims_[i]; }
  int64_t& operator[](size_t i) { return dims_[i]; }
  std::span<const int64_t> dims() const { return {dims_.data(), rank_}; }
  void Clear() { rank_ = 0; }
  /// False, and nothing changed, when the shape has kMaxRank dimensions already.
  bool Append(int64_t dim) {
    if (rank_ == kMaxRank) return false;
    dims_[rank_++] = dim;
    return true;
  }

  /// The product of the dimensions (1 for a scalar). Nothing when a dimension is negative or the product overflows
  /// int64.
  std::optional<int64_t> ElementCount() const;
  /// True when every dimension is -1 here or equal to that of `shape`, and the ranks are equal.
  bool Accepts(const Shape& shape) const;
  /// "[1,3,-1]".
  std::string ToString() const;

  friend bool operator==(const Shape& a, const Shape& b);

 private:
  std::array<int64_t, kMaxRank> dims_;
  size_t rank_ = 0;
};

}  // namespace triune
