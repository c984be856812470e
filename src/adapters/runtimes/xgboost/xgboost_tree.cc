#include "adapters/runtimes/xgboost/xgboost_tree.h"

#include <charconv>
#include <limits>
#include <string>

#include "base/strings.h"

namespace triune::xgboost {
namespace {

constexpr int64_t kNone = -1;
constexpr int64_t kLargest = std::numeric_limits<int32_t>::max();
/// Nodes that pruning has removed stay in the arrays, with this as their feature.
constexpr int64_t kDeletedFeature = kLargest;
/// XGBoost calls itself for each level, and the stack of a thread ends at some hundred thousand.
constexpr int32_t kDeepest = 20'000;
/// XGBoost computes with categories as floats, which are exact up to here.
constexpr int64_t kMostCategories = 1 << 24;

Status Twice(std::string_view name) { return InvalidArgument(StrCat(name, ": is there twice")); }
Status Missing(std::string_view name) { return InvalidArgument(StrCat(name, ": is missing")); }

}  // namespace

Status ReadParameter(DocumentReader& reader, int64_t* value) {
  std::string_view text;
  TRIUNE_RETURN_IF_ERROR(reader.Text(&text));
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  if (error == std::errc() && end == text.data() + text.size() && *value >= 0 && *value <= kLargest) return {};
  return InvalidArgument(StrCat("got ", Quoted(text), ", want a whole number from 0 to ", kLargest));
}

const std::array<const char*, Tree::kWholeArrays> Tree::kWholeNames = {
    "left_children", "right_children", "parents",          "split_indices",       "default_left",
    "split_type",    "categories",     "categories_nodes", "categories_segments", "categories_sizes"};
const std::array<const char*, Tree::kFractionArrays> Tree::kFractionNames = {
    "base_weights", "split_conditions", "loss_changes", "sum_hessian", "leaf_weights"};

Status Tree::Read(DocumentReader& reader) {
  has_id_ = has_parameters_ = false;
  has_whole_.fill(false);
  has_fraction_.fill(false);
  TRIUNE_RETURN_IF_ERROR(reader.Object([&](std::string_view key) { return ReadMember(reader, key); }));
  if (!has_id_) return Missing("id");
  if (!has_parameters_) return Missing("tree_param");
  for (Whole array : {kLeft, kRight, kParents, kSplitIndices, kDefaultLeft}) {
    if (!has_whole_[array]) return Missing(kWholeNames[array]);
  }
  // Models of before categories (XGBoost 1.0 to 1.2) have none of these.
  for (size_t array = kSplitType; array < kWholeArrays; ++array) {
    if (has_whole_[array] && !has_whole_[kSplitType]) return Missing("split_type");
    if (has_whole_[kSplitType] && !has_whole_[array]) return Missing(kWholeNames[array]);
  }
  for (Fraction array : {kBaseWeights, kSplitConditions}) {
    if (!has_fraction_[array]) return Missing(kFractionNames[array]);
  }
  return {};
}

Status Tree::ReadMember(DocumentReader& reader, std::string_view key) {
  for (size_t i = 0; i < kWholeArrays; ++i) {
    if (key != kWholeNames[i]) continue;
    if (has_whole_[i]) return Twice(key);
    has_whole_[i] = true;
    return reader.Integers(&whole_[i]).WithContext(key);
  }
  for (size_t i = 0; i < kFractionArrays; ++i) {
    if (key != kFractionNames[i]) continue;
    if (has_fraction_[i]) return Twice(key);
    has_fraction_[i] = true;
    return reader.CountNumbers(&fraction_[i]).WithContext(key);
  }
  if (key == "id") {
    if (has_id_) return Twice(key);
    has_id_ = true;
    return reader.Integer(&id_).WithContext(key);
  }
  if (key == "tree_param") {
    if (has_parameters_) return Twice(key);
    has_parameters_ = true;
    return ReadParameters(reader).WithContext(key);
  }
  return reader.Skip();
}

Status Tree::ReadParameters(DocumentReader& reader) {
  struct Field {
    const char* name;
    int64_t* value;
  };
  // What a tree says of num_feature is not read: XGBoost goes by what the model says.
  const std::array<Field, 3> fields = {
      {{"num_nodes", &nodes_}, {"num_deleted", &deleted_}, {"size_leaf_vector", &leaf_size_}}};
  for (const Field& field : fields) *field.value = kNone;
  TRIUNE_RETURN_IF_ERROR(reader.Object([&](std::string_view key) -> Status {
    for (const Field& field : fields) {
      if (key != field.name) continue;
      if (*field.value != kNone) return Twice(key);
      return ReadParameter(reader, field.value).WithContext(key);
    }
    return reader.Skip();
  }));
  for (const Field& field : fields) {
    if (*field.value == kNone) return Missing(field.name);
  }
  return {};
}

Status Tree::WrongValue(const char* array, size_t index, int64_t got, std::string_view want) const {
  return InvalidArgument(StrCat(array, "[", index, "]: got ", got, ", want ", want));
}

Status Tree::Check(bool old_vectors) {
  if (leaf_size_ > 1 && !old_vectors) {
    for (Fraction array : {kLeafWeights, kLossChanges, kSumHessian}) {
      if (has_fraction_[array]) continue;
      return InvalidArgument(StrCat(kFractionNames[array],
                                    ": is missing; XGBoost 3.2 and newer read trees of several targets only as they "
                                    "write them, so serve this model with the version that made it"));
    }
  }
  TRIUNE_RETURN_IF_ERROR(CheckLengths());
  TRIUNE_RETURN_IF_ERROR(CheckNodes());
  return has_whole_[kSplitType] ? CheckCategories() : Status();
}

Status Tree::CheckLengths() const {
  auto nodes = static_cast<size_t>(nodes_);
  if (nodes == 0) return InvalidArgument("num_nodes: got 0, want 1 or more");
  auto check = [](const char* name, size_t got, size_t want) -> Status {
    return got == want ? Status() : InvalidArgument(StrCat(name, ": got ", got, " values, want ", want));
  };
  for (Whole array : {kLeft, kRight, kParents, kSplitIndices, kDefaultLeft}) {
    TRIUNE_RETURN_IF_ERROR(check(kWholeNames[array], whole_[array].size(), nodes));
  }
  if (has_whole_[kSplitType]) TRIUNE_RETURN_IF_ERROR(check("split_type", whole_[kSplitType].size(), nodes));
  for (Fraction array : {kSplitConditions, kLossChanges, kSumHessian}) {
    if (has_fraction_[array]) TRIUNE_RETURN_IF_ERROR(check(kFractionNames[array], fraction_[array], nodes));
  }
  size_t leaf_size = leaf_size_ > 1 ? static_cast<size_t>(leaf_size_) : 1;
  return check("base_weights", fraction_[kBaseWeights], nodes * leaf_size);
}

Status Tree::CheckNodes() {
  features_used_ = 0;
  depth_.assign(static_cast<size_t>(nodes_), 0);
  depth_[0] = 1;
  // XGBoost 3.2 writes the root's parent as 2^31-1, in trees of several targets as -1.
  int64_t parent = whole_[kParents][0];
  if (parent != kNone && parent != kLargest) return WrongValue("parents", 0, parent, "-1 or 2147483647");
  int64_t count = 1;
  to_visit_.assign(1, 0);
  while (!to_visit_.empty()) {
    auto node = static_cast<size_t>(to_visit_.back());
    to_visit_.pop_back();
    if (whole_[kLeft][node] == kNone) {
      TRIUNE_RETURN_IF_ERROR(CheckLeaf(node));
    } else {
      TRIUNE_RETURN_IF_ERROR(CheckNode(node));
      count += 2;
    }
  }
  if (count + deleted_ != nodes_) {
    return InvalidArgument(StrCat("nodes that are reached from the root: got ", count, ", want ", nodes_ - deleted_,
                                  " (num_nodes less num_deleted)"));
  }
  for (size_t node = 0; node < depth_.size(); ++node) {
    if (depth_[node] == 0) TRIUNE_RETURN_IF_ERROR(CheckDeleted(node));
  }
  return {};
}

Status Tree::CheckDeleted(size_t node) const {
  if (whole_[kSplitIndices][node] != kDeletedFeature) {
    return InvalidArgument(StrCat("node ", node, ": is neither reached from the root nor marked as deleted"));
  }
  // XGBoost looks at them when it counts.
  int64_t parent = whole_[kParents][node];
  if (parent < 0 || parent >= nodes_) return WrongValue("parents", node, parent, StrCat("a node below ", nodes_));
  for (Whole side : {kLeft, kRight}) {
    int64_t child = whole_[side][node];
    if (child >= kNone && child < nodes_) continue;
    return WrongValue(kWholeNames[side], node, child, StrCat("-1 or a node below ", nodes_));
  }
  return {};
}

Status Tree::CheckNode(size_t node) {
  TRIUNE_RETURN_IF_ERROR(CheckChild(node, kLeft));
  TRIUNE_RETURN_IF_ERROR(CheckChild(node, kRight));
  int64_t feature = whole_[kSplitIndices][node];
  if (feature < 0 || feature >= kLargest) return WrongValue("split_indices", node, feature, "a feature");
  if (feature >= features_used_) features_used_ = feature + 1;
  int64_t goes_left = whole_[kDefaultLeft][node];
  return goes_left == 0 || goes_left == 1 ? Status() : WrongValue("default_left", node, goes_left, "0 or 1");
}

Status Tree::CheckChild(size_t node, Whole side) {
  int64_t child = whole_[side][node];
  if (child < 0 || child >= nodes_) {
    return WrongValue(kWholeNames[side], node, child, StrCat(side == kLeft ? "-1 or " : "", "a node below ", nodes_));
  }
  auto index = static_cast<size_t>(child);
  if (depth_[index] != 0) return WrongValue(kWholeNames[side], node, child, "a node that no other leads to");
  if (whole_[kParents][index] != static_cast<int64_t>(node)) {
    return WrongValue("parents", index, whole_[kParents][index], std::to_string(node));
  }
  depth_[index] = depth_[node] + 1;
  if (depth_[index] > kDeepest) return InvalidArgument(StrCat("node ", node, ": is deeper than ", kDeepest, " levels"));
  to_visit_.push_back(child);
  return {};
}

Status Tree::CheckLeaf(size_t node) const {
  int64_t right = whole_[kRight][node];
  // In trees of several targets the leaves are numbered there, as of XGBoost 3.1.
  if (leaf_size_ > 1 && has_fraction_[kLeafWeights]) {
    auto leaves = static_cast<int64_t>(fraction_[kLeafWeights]) / leaf_size_;
    if (right >= 0 && right < leaves) return {};
    return WrongValue("right_children", node, right, StrCat("a leaf below ", leaves));
  }
  return right == kNone ? Status() : WrongValue("right_children", node, right, "-1, as left_children says");
}

Status Tree::CheckCategories() const {
  const std::vector<int64_t>& nodes = whole_[kCategoriesNodes];
  const std::vector<int64_t>& segments = whole_[kCategoriesSegments];
  const std::vector<int64_t>& sizes = whole_[kCategoriesSizes];
  const std::vector<int64_t>& categories = whole_[kCategories];
  if (segments.size() != nodes.size() || sizes.size() != nodes.size()) {
    return InvalidArgument(StrCat("categories_segments, categories_sizes: got ", segments.size(), " and ", sizes.size(),
                                  " values, want ", nodes.size(), ", as categories_nodes has"));
  }
  auto total = static_cast<int64_t>(categories.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    int64_t before = i == 0 ? -1 : nodes[i - 1];
    if (nodes[i] <= before || nodes[i] >= nodes_) {
      return WrongValue("categories_nodes", i, nodes[i], StrCat("a node from ", before + 1, " to ", nodes_ - 1));
    }
    if (segments[i] < 0 || segments[i] > total) {
      return WrongValue("categories_segments", i, segments[i], StrCat("0 to ", total));
    }
    if (sizes[i] < 1 || sizes[i] > total - segments[i]) {
      return WrongValue("categories_sizes", i, sizes[i], StrCat("1 to ", total - segments[i]));
    }
  }
  for (size_t i = 0; i < categories.size(); ++i) {
    if (categories[i] >= 0 && categories[i] < kMostCategories) continue;
    return WrongValue("categories", i, categories[i], StrCat("0 to ", kMostCategories - 1));
  }
  size_t next = 0;
  for (size_t node = 0; node < whole_[kSplitType].size(); ++node) {
    bool listed = next < nodes.size() && nodes[next] == static_cast<int64_t>(node);
    if (listed) ++next;
    int64_t type = whole_[kSplitType][node];
    if (type != 0 && type != 1) return WrongValue("split_type", node, type, "0 or 1");
    bool categorical = type == 1 && depth_[node] != 0 && whole_[kLeft][node] != kNone;
    if (categorical && !listed) return WrongValue("split_type", node, type, "0: categories_nodes lacks the node");
  }
  return {};
}

}  // namespace triune::xgboost
