// A model file read once from front to back, be it JSON or UBJSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "triune/status.h"

namespace triune::xgboost {

/// Reads exactly the one value that is next. Strict: what it accepts, XGBoost's parser, which trusts its input, reads
/// the same way. InvalidArgument names the position of what is wrong. Thread-compatible.
class DocumentReader {
 public:
  virtual ~DocumentReader() = default;
  DocumentReader(const DocumentReader&) = delete;
  DocumentReader& operator=(const DocumentReader&) = delete;

  /// Calls `member` with the key of each member; it must read the value. Keys may repeat.
  virtual Status Object(const std::function<Status(std::string_view key)>& member) = 0;
  /// Calls `item` for each; it must read the value.
  virtual Status Array(const std::function<Status()>& item) = 0;
  /// An array of whole numbers or booleans. Replaces what `values` holds.
  virtual Status Integers(std::vector<int64_t>* values) = 0;
  /// How many numbers an array has that consists of nothing else.
  virtual Status CountNumbers(size_t* count) = 0;
  virtual Status Integer(int64_t* value) = 0;
  /// As it is written: escapes of JSON are left as they are. Valid as long as the document.
  virtual Status Text(std::string_view* text) = 0;
  virtual Status Skip() = 0;
  /// That nothing follows.
  virtual Status End() = 0;

 protected:
  DocumentReader() = default;
};

/// A reader of the format that `text` is in.
std::unique_ptr<DocumentReader> OpenDocument(std::string_view text);

}  // namespace triune::xgboost
