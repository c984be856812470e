// A named, typed, shaped view of a buffer.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "data/dtype.h"
#include "data/shape.h"
#include "triune/buffer.h"
#include "triune/status.h"

namespace triune {

/// Row-major, little-endian. `data` holds exactly ElementCount * DTypeSize bytes; for BYTES each element is a 4-byte
/// little-endian length followed by that many bytes. Value type: copies share the data.
struct Tensor {
  std::string name;
  DType dtype = DType::kFp32;
  Shape shape;
  Buffer data;

  /// Forgets the content, keeps the memory of the name.
  void Clear() {
    name.clear();
    shape.Clear();
    data.Reset();
  }
  /// The elements as T, which must be the C++ type of `dtype`.
  template <typename T>
  std::span<const T> As() const {
    return {reinterpret_cast<const T*>(data.data()), data.size() / sizeof(T)};
  }
};

/// OK when the data of the tensor is as long as its shape and dtype say; for BYTES, also when the elements inside are
/// well formed and as many as the shape says. The message says what came and what was expected, but not the name.
Status CheckData(const Tensor& tensor);

/// Walks the elements of a BYTES tensor. Stops (Next() returns false) at the end and at the first element that does
/// not fit; CheckData finds such tensors before they get here.
class BytesReader {
 public:
  explicit BytesReader(std::span<const std::byte> data) : rest_(data) {}
  bool Next(std::string_view* element);
  bool AtEnd() const { return rest_.empty(); }

 private:
  std::span<const std::byte> rest_;
};

}  // namespace triune
