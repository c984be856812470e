// Where text is written piece by piece.
#pragma once

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace triune {

/// A growing run of characters that, unlike std::string, is never zeroed first and keeps its memory. Thread-compatible.
class TextBuffer {
 public:
  std::string_view view() const { return {data_.get(), size_}; }
  size_t size() const { return size_; }
  char* data() { return data_.get(); }
  void Clear() { size_ = 0; }
  /// Gives memory back when more than `most` bytes of it were kept.
  void ShrinkTo(size_t most) {
    if (capacity_ > most) {
      data_.reset();
      capacity_ = size_ = 0;
    }
  }

  /// Room for `count` more characters: write there, then Advance by what was written.
  char* Reserve(size_t count) {
    if (capacity_ - size_ < count) Grow(count);
    return data_.get() + size_;
  }
  void Advance(size_t count) { size_ += count; }

  void Append(std::string_view text) {
    if (text.empty()) return;
    std::memcpy(Reserve(text.size()), text.data(), text.size());
    size_ += text.size();
  }
  void Append(char c) {
    *Reserve(1) = c;
    ++size_;
  }
  template <std::integral T>
  void AppendNumber(T number) {
    char* begin = Reserve(24);
    size_ += static_cast<size_t>(std::to_chars(begin, begin + 24, number).ptr - begin);
  }

 private:
  void Grow(size_t count) {
    size_t capacity = std::max<size_t>({256, capacity_ * 2, size_ + count});
    std::unique_ptr<char[]> bigger(new char[capacity]);
    if (size_ > 0) std::memcpy(bigger.get(), data_.get(), size_);
    data_ = std::move(bigger);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> data_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace triune
