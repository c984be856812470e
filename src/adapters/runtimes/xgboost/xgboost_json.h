// The dialect of JSON in which XGBoost writes models.
#pragma once

#include <string>

#include "adapters/runtimes/xgboost/xgboost_document.h"

namespace triune::xgboost {

/// JSON with the numbers NaN, Infinity and -Infinity, which XGBoost writes for weights that are none. Neither simdjson
/// nor nlohmann-json knows these, and neither says where its reading differs from XGBoost's own lenient one: there,
/// "1.]" is a number, and the array goes on.
class JsonReader : public DocumentReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  Status Object(const std::function<Status(std::string_view key)>& member) override;
  Status Array(const std::function<Status()>& item) override;
  Status Integers(std::vector<int64_t>* values) override;
  Status CountNumbers(size_t* count) override;
  Status Integer(int64_t* value) override;
  Status Text(std::string_view* text) override;
  Status Skip() override;
  Status End() override;
  /// A number that may have a fraction.
  Status Number();

 private:
  /// After white space; 0 at the end.
  char Next();
  char Peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }
  bool Take(std::string_view word);
  size_t Digits();
  /// Between the items of an array or object: whether another one follows. `first` is cleared.
  Status Another(char end, bool* first, bool* another);
  /// From the opening bracket to the closing one; calls `item` before each item.
  template <typename Item>
  Status Items(char open, char close, std::string_view want, Item item);
  /// The same, one level deeper, for items that may be anything.
  template <typename Item>
  Status Nested(char open, char close, std::string_view want, Item item);
  Status Error(std::string_view what) const;

  std::string_view text_;
  size_t position_ = 0;
  int level_ = 0;
};

}  // namespace triune::xgboost
