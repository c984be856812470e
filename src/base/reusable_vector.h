// A vector whose elements keep their memory across uses.
#pragma once

#include <cassert>
#include <cstddef>
#include <vector>

namespace triune {

/// Like std::vector, but Clear() keeps the elements, so that the strings and buffers inside them are reused: that is
/// how a request is handled without allocation after warm-up. T needs a Clear() that makes it as good as new.
/// Thread-compatible.
template <typename T>
class ReusableVector {
 public:
  /// Appends a cleared element. References stay valid until the next Add().
  T& Add() {
    if (size_ == items_.size()) items_.emplace_back();
    T& item = items_[size_++];
    item.Clear();
    return item;
  }
  /// Clears the elements (releasing what they share with others) and forgets them.
  void Clear() {
    for (size_t i = 0; i < size_; ++i) items_[i].Clear();
    size_ = 0;
  }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](size_t i) { return assert(i < size_), items_[i]; }
  const T& operator[](size_t i) const { return assert(i < size_), items_[i]; }
  T* begin() { return items_.data(); }
  T* end() { return items_.data() + size_; }
  const T* begin() const { return items_.data(); }
  const T* end() const { return items_.data() + size_; }
  T& back() { return (*this)[size_ - 1]; }

 private:
  std::vector<T> items_;
  size_t size_ = 0;
};

}  // namespace triune
