// Between JSON arrays and the data of tensors.
#pragma once

#include <simdjson.h>

#include "base/text_buffer.h"
#include "data/tensor.h"
#include "triune/status.h"

namespace triune::server {

/// Collects the elements of a tensor from JSON. Give it arrays (and, for scalars, single values); it infers the shape
/// from how they nest and refuses ragged ones. Reused; thread-compatible.
class JsonTensorReader {
 public:
  /// Begins a tensor. `expected_elements` is a hint of how much memory will be needed.
  void Begin(DType dtype, size_t expected_elements);
  /// Reads a value whose elements are appended. Several calls read the rows of one tensor: all must have one shape.
  /// The error says what came and what was expected, with the position inside the value.
  Status Append(simdjson::ondemand::value value);
  /// The same with one BYTES element in Base64.
  Status AppendBase64(std::string_view text);
  /// The number of Append calls.
  int64_t rows() const { return rows_; }
  /// The shape of one appended value.
  const Shape& row_shape() const { return shape_; }
  size_t elements() const { return elements_; }
  /// The collected data.
  Buffer Take();

 private:
  template <typename Element>
  Status ReadValue(simdjson::ondemand::value value, size_t depth);
  template <typename Element>
  Status ReadArray(simdjson::ondemand::array array, size_t depth);
  template <typename Element>
  Status ReadElement(simdjson::ondemand::value& value);
  Status AppendDispatch(simdjson::ondemand::value value);
  Status ReadBase64(simdjson::ondemand::value& value);
  Status DecodeElement(std::string_view base64);
  std::byte* Room(size_t bytes);
  void EndOfRow();
  Status EndOfArray(size_t depth, int64_t count);

  DType dtype_ = DType::kFp32;
  Buffer data_;
  size_t size_ = 0;
  size_t elements_ = 0;
  int64_t rows_ = 0;
  Shape shape_;
  bool shape_known_ = false;
  std::array<int64_t, Shape::kMaxRank> found_{};  ///< Dimensions by depth; -1: not known yet.
  size_t depth_ = 0;                              ///< Of the elements.
  bool depth_known_ = false;
};

/// Appends the elements of the tensor, separated by commas. For BYTES, strings that are not UTF-8 are an error: JSON
/// can't carry them.
Status AppendJsonElements(TextBuffer& out, const Tensor& tensor);

/// Writes a tensor as arrays nested as its shape says. The tensor outlives the writer.
class JsonNestedWriter {
 public:
  explicit JsonNestedWriter(const Tensor& tensor) : tensor_(&tensor), strings_(tensor.data.bytes()) {}
  /// The whole tensor; for a scalar, the value alone.
  Status WriteAll(TextBuffer& out) { return Write(out, 0); }
  /// The next row of the first dimension.
  Status WriteRow(TextBuffer& out) { return Write(out, 1); }

 private:
  Status Write(TextBuffer& out, size_t depth);
  Status WriteElement(TextBuffer& out);

  const Tensor* tensor_;
  BytesReader strings_;
  size_t next_ = 0;
};

/// "the JSON is malformed: ..." from simdjson's error.
Status JsonError(simdjson::error_code error);

}  // namespace triune::server
