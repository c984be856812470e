// One tree of an XGBoost model as its file has it, and whether XGBoost can walk it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "adapters/runtimes/xgboost/xgboost_document.h"
#include "triune/status.h"

namespace triune::xgboost {

/// A whole number written as text, as XGBoost's parameters are, from 0 to 2^31-1.
Status ReadParameter(DocumentReader& reader, int64_t* value);

/// Read one after another into the same object, which keeps its memory. Thread-compatible.
class Tree {
 public:
  /// The next value of the document. InvalidArgument for what is not there, or not of its kind.
  Status Read(DocumentReader& reader);

  /// OK when all arrays fit together and the nodes are a tree: XGBoost follows their numbers without looking.
  /// InvalidArgument names the array, the node, what it says and what it should.
  /// `old_vectors`: whether the library reads trees of several targets as XGBoost before 3.2 wrote them.
  Status Check(bool old_vectors);

  int64_t id() const { return id_; }
  /// Numbers in a leaf, of models with trees for several targets at once; 0 or 1 else.
  int64_t leaf_size() const { return leaf_size_; }
  /// After Check: the features used are below this.
  int64_t features_used() const { return features_used_; }

 private:
  enum Whole {
    kLeft,
    kRight,
    kParents,
    kSplitIndices,
    kDefaultLeft,
    kSplitType,
    kCategories,
    kCategoriesNodes,
    kCategoriesSegments,
    kCategoriesSizes,
    kWholeArrays
  };
  enum Fraction { kBaseWeights, kSplitConditions, kLossChanges, kSumHessian, kLeafWeights, kFractionArrays };
  static const std::array<const char*, kWholeArrays> kWholeNames;
  static const std::array<const char*, kFractionArrays> kFractionNames;

  Status ReadMember(DocumentReader& reader, std::string_view key);
  Status ReadParameters(DocumentReader& reader);
  Status CheckLengths() const;
  Status CheckNodes();
  Status CheckNode(size_t node);
  Status CheckLeaf(size_t node) const;
  Status CheckDeleted(size_t node) const;
  Status CheckChild(size_t node, Whole side);
  Status CheckCategories() const;
  Status WrongValue(const char* array, size_t index, int64_t got, std::string_view want) const;

  int64_t id_ = 0;
  int64_t nodes_ = 0;
  int64_t deleted_ = 0;
  int64_t leaf_size_ = 0;
  int64_t features_used_ = 0;
  bool has_id_ = false;
  bool has_parameters_ = false;
  std::array<std::vector<int64_t>, kWholeArrays> whole_;
  std::array<bool, kWholeArrays> has_whole_{};
  std::array<size_t, kFractionArrays> fraction_{};  ///< Lengths: any number will do.
  std::array<bool, kFractionArrays> has_fraction_{};
  std::vector<int32_t> depth_;  ///< Of each node, the root's is 1; 0: not reached from there.
  std::vector<int64_t> to_visit_;
};

}  // namespace triune::xgboost
