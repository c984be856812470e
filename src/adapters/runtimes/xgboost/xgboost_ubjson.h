// The UBJSON in which XGBoost writes models (https://ubjson.org).
#pragma once

#include <optional>

#include "adapters/runtimes/xgboost/xgboost_document.h"

namespace triune::xgboost {

/// Every length must fit into what is left: XGBoost's own parser crashes on a file that is cut short.
class UbjsonReader : public DocumentReader {
 public:
  explicit UbjsonReader(std::string_view text) : text_(text) {}

  Status Object(const std::function<Status(std::string_view key)>& member) override;
  Status Array(const std::function<Status()>& item) override;
  Status Integers(std::vector<int64_t>* values) override;
  Status CountNumbers(size_t* count) override;
  Status Integer(int64_t* value) override;
  Status Text(std::string_view* text) override;
  Status Skip() override;
  Status End() override;

 private:
  /// What stands before the items of an array.
  struct ArrayHead {
    char type = 0;                ///< Of all items, which then have no marker of their own; 0: each has one.
    std::optional<size_t> count;  ///< None: up to a bracket.
  };
  Result<ArrayHead> ReadArrayHead();
  Status Items(const ArrayHead& head, const std::function<Status()>& item);
  Status SkipOf(char marker);
  Result<char> Marker();
  Result<std::string_view> LengthAndBytes();
  /// A number of bytes or values: any integer, big-endian.
  Result<size_t> Length();
  Status Advance(size_t count);
  char Peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }
  Status Error(std::string_view what) const;

  std::string_view text_;
  size_t position_ = 0;
  int level_ = 0;
};

/// Whether an object is UBJSON rather than JSON: after the brace of JSON comes a quote, a brace or white space.
bool IsUbjson(std::string_view text);

}  // namespace triune::xgboost
