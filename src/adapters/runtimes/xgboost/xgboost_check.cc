#include "adapters/runtimes/xgboost/xgboost_check.h"

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "adapters/runtimes/xgboost/xgboost_document.h"
#include "adapters/runtimes/xgboost/xgboost_json.h"
#include "adapters/runtimes/xgboost/xgboost_tree.h"
#include "adapters/runtimes/xgboost/xgboost_ubjson.h"
#include "base/strings.h"

namespace triune::xgboost {
namespace {

/// XGBoost makes a row of this many numbers, and several of them for a batch.
constexpr int64_t kMostFeatures = 1 << 25;
/// Of a model without trees, where nothing else tells that the number is wrong.
constexpr int64_t kMostGroupsWithoutTrees = 1 << 16;
constexpr int64_t kNotGiven = -1;

/// The fields of one object: each at most once, others skipped.
class Fields {
 public:
  struct Field {
    std::string_view key;
    std::function<Status()> read;
  };
  static Status Read(DocumentReader& reader, const std::vector<Field>& fields) {
    std::vector<bool> seen(fields.size());
    return reader.Object([&](std::string_view key) -> Status {
      for (size_t i = 0; i < fields.size(); ++i) {
        if (key != fields[i].key) continue;
        // XGBoost takes the first or the last one, depending on the format.
        if (seen[i]) return InvalidArgument(StrCat(key, ": is there twice"));
        seen[i] = true;
        return fields[i].read().WithContext(key);
      }
      return reader.Skip();
    });
  }
};

Status Wrong(std::string_view field, int64_t got, std::string_view want) {
  return InvalidArgument(StrCat(field, ": got ", got, ", want ", want));
}

/// How many numbers a text holds that is one in JSON, or an array of them.
Status CountIn(std::string_view text, size_t* count) {
  JsonReader reader(text);
  *count = 1;
  TRIUNE_RETURN_IF_ERROR(text.starts_with('[') ? reader.CountNumbers(count) : reader.Number());
  return reader.End();
}

/// What the file says of the names of categories, which XGBoost 3.1 and newer keep.
class CategoryNames {
 public:
  Status Read(DocumentReader& reader) {
    return Fields::Read(reader, {{"enc", [&] { return ReadColumns(reader); }},
                                 {"feature_segments", [&] { return reader.Integers(&segments_); }},
                                 {"sorted_idx", [&] { return reader.Integers(&sorted_); }}});
  }

  Status Check(int64_t features) const {
    if (columns_.empty() && segments_.empty() && sorted_.empty()) return {};
    if (static_cast<int64_t>(columns_.size()) != features) {
      return Wrong("cats.enc", static_cast<int64_t>(columns_.size()), StrCat(features, ", one for each feature"));
    }
    if (segments_.size() != columns_.size() + 1 || segments_[0] != 0 ||
        segments_.back() != static_cast<int64_t>(sorted_.size())) {
      return InvalidArgument(StrCat("cats.feature_segments: want ", columns_.size() + 1, " numbers from 0 to ",
                                    sorted_.size(), ", the length of sorted_idx"));
    }
    for (size_t i = 0; i < columns_.size(); ++i) {
      int64_t size = segments_[i + 1] - segments_[i];
      if (size != columns_[i]) {
        return Wrong(StrCat("cats.feature_segments[", i + 1, "]"), segments_[i + 1],
                     StrCat(segments_[i] + columns_[i], ": the feature has ", columns_[i], " categories"));
      }
      for (int64_t j = segments_[i]; j < segments_[i + 1]; ++j) {
        int64_t index = sorted_[static_cast<size_t>(j)];
        if (index < 0 || index >= size) return Wrong(StrCat("cats.sorted_idx[", j, "]"), index, StrCat("below ", size));
      }
    }
    return {};
  }

 private:
  /// Of each feature: {"offsets", "values"} for names one after another, {"type", "values"} for numbers.
  Status ReadColumns(DocumentReader& reader) {
    return reader.Array([&]() -> Status {
      std::vector<int64_t> offsets;
      size_t values = 0;
      bool names = false;
      TRIUNE_RETURN_IF_ERROR(Fields::Read(reader, {{"offsets",
                                                    [&] {
                                                      names = true;
                                                      return reader.Integers(&offsets);
                                                    }},
                                                   {"values", [&] { return reader.CountNumbers(&values); }}}));
      if (!names) {
        columns_.push_back(static_cast<int64_t>(values));
        return {};
      }
      bool right = offsets.empty() ? values == 0
                                   : offsets.front() == 0 && offsets.back() == static_cast<int64_t>(values) &&
                                         std::ranges::is_sorted(offsets);
      if (!right) return InvalidArgument(StrCat("offsets: want rising numbers from 0 to ", values));
      columns_.push_back(offsets.empty() ? 0 : static_cast<int64_t>(offsets.size()) - 1);
      return {};
    });
  }

  std::vector<int64_t> columns_;  ///< How many categories each feature has.
  std::vector<int64_t> segments_;
  std::vector<int64_t> sorted_;
};

/// Reads the parts in the order of the file, and holds them to each other in the end.
class ModelChecker {
 public:
  ModelChecker(DocumentReader& reader, bool old_vectors) : reader_(reader), old_vectors_(old_vectors) {}

  Status Check() {
    bool found = false;
    TRIUNE_RETURN_IF_ERROR(Fields::Read(reader_, {{"learner", [&] {
                                                     found = true;
                                                     return ReadLearner();
                                                   }}}));
    TRIUNE_RETURN_IF_ERROR(reader_.End());
    if (!found) return InvalidArgument("learner: is missing");
    TRIUNE_RETURN_IF_ERROR(CheckLearner());
    if (booster_ == "gblinear") return CheckLinear();
    if (booster_ == "gbtree" || booster_ == "dart") return CheckTrees();
    return InvalidArgument(StrCat("gradient_booster.name: got ", Quoted(booster_), ", want gbtree, dart or gblinear"));
  }

 private:
  Status ReadLearner() {
    return Fields::Read(reader_, {{"learner_model_param", [&] { return ReadParameters(); }},
                                  {"gradient_booster", [&] { return ReadBooster(); }},
                                  {"objective", [&] { return ReadObjective(); }}});
  }

  Status ReadParameters() {
    return Fields::Read(reader_, {{"num_feature", [&] { return ReadParameter(reader_, &features_); }},
                                  {"num_class", [&] { return ReadParameter(reader_, &classes_); }},
                                  {"num_target", [&] { return ReadParameter(reader_, &targets_); }},
                                  {"base_score", [&]() -> Status {
                                     std::string_view text;
                                     TRIUNE_RETURN_IF_ERROR(reader_.Text(&text));
                                     return CountIn(text, &base_scores_);
                                   }}});
  }

  Status ReadObjective() {
    return Fields::Read(
        reader_,
        {{"softmax_multiclass_param", [&] {
            return Fields::Read(reader_, {{"num_class", [&] { return ReadParameter(reader_, &objective_classes_); }}});
          }}});
  }

  /// {"name", "model"}; of dart {"name", "gbtree": {"name", "model"}, "weight_drop"}.
  Status ReadBooster() {
    return Fields::Read(reader_, {{"name", [&] { return reader_.Text(&booster_); }},
                                  {"model", [&] { return ReadModel(); }},
                                  {"gbtree",
                                   [&] {
                                     within_dart_ = true;
                                     return Fields::Read(reader_, {{"model", [&] { return ReadModel(); }}});
                                   }},
                                  {"weight_drop", [&] { return reader_.CountNumbers(&weight_drop_); }}});
  }

  Status ReadModel() {
    ++models_;
    return Fields::Read(
        reader_, {{"trees", [&] { return ReadTrees(); }},
                  {"tree_info", [&] { return reader_.Integers(&tree_info_); }},
                  {"iteration_indptr",
                   [&] {
                     has_rounds_ = true;
                     return reader_.Integers(&rounds_);
                   }},
                  {"gbtree_model_param",
                   [&] {
                     return Fields::Read(
                         reader_, {{"num_trees", [&] { return ReadParameter(reader_, &tree_count_); }},
                                   {"num_parallel_tree", [&] { return ReadParameter(reader_, &parallel_trees_); }}});
                   }},
                  {"cats", [&] { return categories_.Read(reader_); }},
                  {"weights", [&] {
                     has_weights_ = true;
                     return reader_.CountNumbers(&weights_);
                   }}});
  }

  Status ReadTrees() {
    has_trees_ = true;
    return reader_.Array([&]() -> Status {
      std::string name = StrCat("[", ids_.size(), "]");
      TRIUNE_RETURN_IF_ERROR(tree_.Read(reader_).WithContext(name));
      TRIUNE_RETURN_IF_ERROR(tree_.Check(old_vectors_).WithContext(name));
      ids_.push_back(tree_.id());
      features_used_ = std::max(features_used_, tree_.features_used());
      int64_t leaf_size = std::max<int64_t>(tree_.leaf_size(), 1);
      if (ids_.size() == 1) leaf_size_ = leaf_size;
      if (leaf_size == leaf_size_) return {};
      return Wrong(name + ": size_leaf_vector", leaf_size, StrCat(leaf_size_, ", as the first tree has"));
    });
  }

  Status CheckLearner() {
    if (features_ == kNotGiven) return InvalidArgument("learner_model_param.num_feature: is missing");
    if (features_ > kMostFeatures) {
      return Wrong("learner_model_param.num_feature", features_, StrCat("at most ", kMostFeatures));
    }
    if (classes_ > 1 && targets_ > 1) {
      return Wrong("learner_model_param.num_target", targets_, "1: num_class is more than 1");
    }
    groups_ = std::max<int64_t>({classes_, targets_, 1});
    if (objective_classes_ != kNotGiven && objective_classes_ != groups_) {
      return Wrong("objective.softmax_multiclass_param.num_class", objective_classes_, std::to_string(groups_));
    }
    if (base_scores_ != 1 && static_cast<int64_t>(base_scores_) != groups_) {
      return InvalidArgument(StrCat("learner_model_param.base_score: got ", base_scores_, " numbers, want ", groups_));
    }
    return {};
  }

  Status CheckLinear() const {
    if (models_ != 1 || has_trees_ || !has_weights_) {
      return InvalidArgument("gradient_booster: lacks the weights of a gblinear");
    }
    // Per feature and for the bias; before the first round there are none.
    int64_t want = (features_ + 1) * groups_;
    if (weights_ == 0 || static_cast<int64_t>(weights_) == want) return {};
    return InvalidArgument(StrCat("gradient_booster.model.weights: got ", weights_, " values, want ", want, ", of ",
                                  features_, " features, the bias and ", groups_, " outputs"));
  }

  Status CheckTrees() const {
    if (models_ != 1 || !has_trees_ || within_dart_ != (booster_ == "dart")) {
      return InvalidArgument(StrCat("gradient_booster: lacks the trees of a ", booster_));
    }
    auto trees = static_cast<int64_t>(ids_.size());
    TRIUNE_RETURN_IF_ERROR(CheckTreeList(trees).WithContext("gradient_booster.model"));
    TRIUNE_RETURN_IF_ERROR(CheckOutputs(trees));
    if (features_used_ > features_) {
      return Wrong("learner_model_param.num_feature", features_,
                   StrCat(features_used_, " at least: a tree splits by feature ", features_used_ - 1));
    }
    if (booster_ == "dart" && static_cast<int64_t>(weight_drop_) != trees) {
      return InvalidArgument(StrCat("gradient_booster.weight_drop: got ", weight_drop_, " values, want ", trees));
    }
    return categories_.Check(features_).WithContext("gradient_booster.model");
  }

  Status CheckTreeList(int64_t trees) const {
    if (tree_count_ != trees) return Wrong("gbtree_model_param.num_trees", tree_count_, std::to_string(trees));
    if (parallel_trees_ < 1) return Wrong("gbtree_model_param.num_parallel_tree", parallel_trees_, "1 or more");
    std::vector<bool> seen(ids_.size());
    for (size_t i = 0; i < ids_.size(); ++i) {
      bool right = ids_[i] >= 0 && ids_[i] < trees && !seen[static_cast<size_t>(ids_[i])];
      if (!right) return Wrong(StrCat("trees[", i, "].id"), ids_[i], "one that no other tree has");
      seen[static_cast<size_t>(ids_[i])] = true;
    }
    if (static_cast<int64_t>(tree_info_.size()) != trees) {
      return InvalidArgument(StrCat("tree_info: got ", tree_info_.size(), " values, want ", trees));
    }
    // XGBoost before 1.6 wrote none.
    if (!has_rounds_) return {};
    bool right = !rounds_.empty() && rounds_.front() == 0 && rounds_.back() == trees && std::ranges::is_sorted(rounds_);
    return right ? Status() : InvalidArgument(StrCat("iteration_indptr: want rising numbers from 0 to ", trees));
  }

  Status CheckOutputs(int64_t trees) const {
    bool vectors = leaf_size_ > 1;
    if (vectors && leaf_size_ != groups_) {
      return Wrong("size_leaf_vector", leaf_size_, StrCat(groups_, ", the number of outputs"));
    }
    // Each output has a tree of its own in every round.
    int64_t most = vectors ? groups_ : trees == 0 ? kMostGroupsWithoutTrees : trees;
    if (groups_ > most) {
      return Wrong("learner_model_param.num_class or num_target", groups_,
                   StrCat("at most ", most, ": there are ", trees, " trees"));
    }
    int64_t tree_groups = vectors ? 1 : groups_;
    for (size_t i = 0; i < tree_info_.size(); ++i) {
      if (tree_info_[i] >= 0 && tree_info_[i] < tree_groups) continue;
      return Wrong(StrCat("gradient_booster.model.tree_info[", i, "]"), tree_info_[i],
                   StrCat("0 to ", tree_groups - 1));
    }
    return {};
  }

  DocumentReader& reader_;
  bool old_vectors_;
  int64_t features_ = kNotGiven;
  int64_t classes_ = 0;
  int64_t targets_ = 0;
  int64_t groups_ = 1;
  int64_t objective_classes_ = kNotGiven;
  size_t base_scores_ = 1;
  std::string_view booster_;
  int models_ = 0;
  bool within_dart_ = false;
  bool has_trees_ = false;
  bool has_rounds_ = false;
  int64_t tree_count_ = kNotGiven;
  int64_t parallel_trees_ = 1;
  int64_t leaf_size_ = 1;
  int64_t features_used_ = 0;
  size_t weight_drop_ = 0;
  size_t weights_ = 0;
  bool has_weights_ = false;
  std::vector<int64_t> ids_;
  std::vector<int64_t> tree_info_;
  std::vector<int64_t> rounds_;
  CategoryNames categories_;
  Tree tree_;
};

}  // namespace

std::unique_ptr<DocumentReader> OpenDocument(std::string_view text) {
  if (IsUbjson(text)) return std::make_unique<UbjsonReader>(text);
  return std::make_unique<JsonReader>(text);
}

Status CheckModel(std::string_view text, bool old_vectors) {
  return ModelChecker(*OpenDocument(text), old_vectors).Check();
}

}  // namespace triune::xgboost
