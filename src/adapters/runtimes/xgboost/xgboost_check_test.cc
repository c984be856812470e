#include "adapters/runtimes/xgboost/xgboost_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "adapters/runtimes/xgboost/xgboost_json.h"

namespace triune::xgboost {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

fs::path Folder() { return fs::path(std::getenv("TRIUNE_TEST_DATA")) / "models"; }

std::string ReadModel(const std::string& name) {
  std::ifstream file(Folder() / name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string ToUbjson(const json& model) {
  std::string text;
  json::to_ubjson(model, text);
  return text;
}

TEST(CheckModelTest, AcceptsWhatXgboostWrites) {
  int models = 0;
  for (const auto& entry : fs::directory_iterator(Folder())) {
    std::string name = entry.path().filename();
    std::string suffix = entry.path().extension();
    bool broken = name == "truncated.ubj" || name == "not_xgboost.json" || name.starts_with("old");
    bool model = suffix == ".ubj" || suffix == ".bst" || (suffix == ".json" && !name.ends_with(".cases.json"));
    if (!model || broken) continue;
    ++models;
    Status status = CheckModel(ReadModel(name));
    EXPECT_TRUE(status.ok()) << name << ": " << status.ToString();
  }
  EXPECT_GE(models, 20);
}

TEST(CheckModelTest, AcceptsWhatOlderVersionsWrote) {
  json model = json::parse(ReadModel("multiclass.json"));
  json& booster = model["learner"]["gradient_booster"]["model"];
  booster.erase("cats");
  booster.erase("iteration_indptr");
  booster["gbtree_model_param"].erase("num_parallel_tree");
  model["learner"]["learner_model_param"].erase("num_target");
  model["learner"]["learner_model_param"]["base_score"] = "5E-1";
  for (json& tree : booster["trees"]) {
    for (const char* name :
         {"split_type", "categories", "categories_nodes", "categories_segments", "categories_sizes"}) {
      tree.erase(name);
    }
    tree["tree_param"]["size_leaf_vector"] = "0";
    for (json& left : tree["default_left"]) left = left.get<int>() != 0;
  }
  EXPECT_TRUE(CheckModel(model.dump()).ok()) << CheckModel(model.dump()).ToString();
  EXPECT_TRUE(CheckModel(ToUbjson(model)).ok()) << CheckModel(ToUbjson(model)).ToString();
}

TEST(CheckModelTest, AcceptsNumbersThatAreNone) {
  std::string text = ReadModel("linear_multiclass.json");
  size_t start = text.find("\"weights\":[") + 11;
  for (const char* number : {"NaN", "Infinity", "-Infinity", "1E10", "-0.5e-3"}) {
    std::string changed = text;
    changed.replace(start, text.find(',', start) - start, number);
    EXPECT_TRUE(CheckModel(changed).ok()) << number << CheckModel(changed).ToString();
  }
}

struct Corruption {
  const char* model;
  const char* what;  ///< Of the message.
  std::function<void(json& learner, json& trees)> apply;
};

std::vector<Corruption> Corruptions() {
  constexpr int kHuge = 1 << 28;
  auto tree = [](const char* array, size_t index, auto value) {
    return [=](json&, json& trees) { trees[0][array][index] = value; };
  };
  auto shorter = [](const char* array) {
    return [=](json&, json& trees) { trees[0][array].erase(trees[0][array].size() - 1); };
  };
  auto learner = [](const char* path, auto value) {
    return [=](json& all, json&) { all[json::json_pointer(path)] = value; };
  };
  const char* multiclass = "multiclass.json";
  const char* pruned = "pruned.json";
  const char* categories = "categories.json";
  const char* vectors = "vector_leaf.json";
  return {
      {multiclass, "[0]: left_children[0]: got 268435456, want -1 or a node below 3", tree("left_children", 0, kHuge)},
      {multiclass, "left_children[0]: got -2", tree("left_children", 0, -2)},
      {multiclass, "right_children[0]: got 268435456", tree("right_children", 0, kHuge)},
      {multiclass, "right_children[0]: got -1", tree("right_children", 0, -1)},
      {multiclass, "right_children[1]: got 2, want -1", tree("right_children", 1, 2)},
      {multiclass, "left_children[0]: got 0, want a node that no other leads to",
       [](json&, json& trees) { trees[0]["left_children"][0] = trees[0]["right_children"][0] = 0; }},
      {multiclass, "right_children[0]: got 1, want a node that no other leads to", tree("right_children", 0, 1)},
      {multiclass, "reached from the root: got 1, want 3",
       [](json&, json& trees) { trees[0]["left_children"][0] = trees[0]["right_children"][0] = -1; }},
      {multiclass, "want 268435457 at least: a tree splits by feature 268435456", tree("split_indices", 0, kHuge)},
      {multiclass, "split_indices[0]: got -1", tree("split_indices", 0, -1)},
      {multiclass, "parents[1]: got 268435456, want 0", tree("parents", 1, kHuge)},
      {multiclass, "parents[0]: got 1", tree("parents", 0, 1)},
      {multiclass, "default_left[0]: got 2", tree("default_left", 0, 2)},
      {multiclass, "split_type[0]: got 1, want 0: categories_nodes lacks the node", tree("split_type", 0, 1)},
      {multiclass, "split_type[0]: got 2", tree("split_type", 0, 2)},
      {multiclass, "broken", tree("left_children", 0, 0.5)},
      {multiclass, "broken", tree("split_conditions", 0, "x")},
      {multiclass, "left_children: got 2 values, want 3", shorter("left_children")},
      {multiclass, "right_children: got 2 values", shorter("right_children")},
      {multiclass, "parents: got 2 values", shorter("parents")},
      {multiclass, "split_indices: got 2 values", shorter("split_indices")},
      {multiclass, "split_conditions: got 2 values", shorter("split_conditions")},
      {multiclass, "split_type: got 2 values", shorter("split_type")},
      {multiclass, "default_left: got 2 values", shorter("default_left")},
      {multiclass, "base_weights: got 2 values", shorter("base_weights")},
      {multiclass, "loss_changes: got 2 values", shorter("loss_changes")},
      {multiclass, "sum_hessian: got 2 values", shorter("sum_hessian")},
      {multiclass, "left_children: is missing", [](json&, json& trees) { trees[0].erase("left_children"); }},
      {multiclass, "split_type: is missing", [](json&, json& trees) { trees[0].erase("split_type"); }},
      {multiclass, "tree_param: is missing", [](json&, json& trees) { trees[0].erase("tree_param"); }},
      {multiclass, "id: is missing", [](json&, json& trees) { trees[0].erase("id"); }},
      {multiclass, "trees[1].id: got 0", [](json&, json& trees) { trees[1]["id"] = 0; }},
      {multiclass, "num_nodes: got '-1', want a whole number",
       [](json&, json& trees) { trees[0]["tree_param"]["num_nodes"] = "-1"; }},
      {multiclass, "num_nodes: got 0", [](json&, json& trees) { trees[0]["tree_param"]["num_nodes"] = "0"; }},
      {multiclass, "want 2147483647", [](json&, json& trees) { trees[0]["tree_param"]["num_nodes"] = "2147483647"; }},
      {multiclass, "size_leaf_vector: got 1, want 2",
       [](json&, json& trees) {
         trees[0]["tree_param"]["size_leaf_vector"] = "2";
         trees[0]["base_weights"] = trees[0]["leaf_weights"] = {0.5, 0.5, 0.5, 0.5, 0.5, 0.5};
         trees[0]["right_children"] = {2, 0, 1};
       }},
      {multiclass, "num_feature: got 1000000000, want at most",
       learner("/learner_model_param/num_feature", "1000000000")},
      {multiclass, "num_feature: got 2", learner("/learner_model_param/num_feature", "2")},
      {multiclass, "num_class: got 3, want 100000000", learner("/learner_model_param/num_class", "100000000")},
      {multiclass, "num_class or num_target: got 100000000, want at most 15",
       [](json& all, json&) {
         all["learner_model_param"]["num_class"] = "100000000";
         all["learner_model_param"]["base_score"] = "5E-1";
         all["objective"]["softmax_multiclass_param"]["num_class"] = "100000000";
       }},
      {multiclass, "num_class: got '-3'", learner("/learner_model_param/num_class", "-3")},
      {multiclass, "num_target: got 2", learner("/learner_model_param/num_target", "2")},
      {multiclass, "base_score: got 2 numbers, want 3", learner("/learner_model_param/base_score", "[0E0,0E0]")},
      {multiclass, "base_score: broken JSON", learner("/learner_model_param/base_score", "5.")},
      {multiclass, "tree_info[0]: got 99999999, want 0 to 2", learner("/gradient_booster/model/tree_info/0", 99999999)},
      {multiclass, "tree_info[0]: got -5", learner("/gradient_booster/model/tree_info/0", -5)},
      {multiclass, "tree_info: got 1 values, want 15", learner("/gradient_booster/model/tree_info", json::array({0}))},
      {multiclass, "iteration_indptr", learner("/gradient_booster/model/iteration_indptr/5", 99999)},
      {multiclass, "iteration_indptr", learner("/gradient_booster/model/iteration_indptr/1", -1)},
      {multiclass, "num_trees: got 14, want 15", learner("/gradient_booster/model/gbtree_model_param/num_trees", "14")},
      {multiclass, "num_parallel_tree: got 0",
       learner("/gradient_booster/model/gbtree_model_param/num_parallel_tree", "0")},
      {multiclass, "name: got 'gbforest', want gbtree, dart or gblinear",
       learner("/gradient_booster/name", "gbforest")},
      {multiclass, "lacks the trees of a dart", learner("/gradient_booster/name", "dart")},
      {multiclass, "lacks the weights of a gblinear", learner("/gradient_booster/name", "gblinear")},
      {multiclass, "want an object", learner("/gradient_booster", "gbtree")},
      {multiclass, "cats.enc: got 1, want 4",
       learner("/gradient_booster/model/cats/enc", json::parse(R"([{"offsets":[],"values":[]}])"))},
      {multiclass, "offsets: want rising numbers",
       learner("/gradient_booster/model/cats/enc", json::parse(R"([{"offsets":[0,9],"values":[65]}])"))},
      {multiclass, "cats.feature_segments",
       learner("/gradient_booster/model/cats/enc",
               json::parse(R"([{"type":15,"values":[7]},{"type":15,"values":[]},{"type":15,"values":[]},)"
                           R"({"offsets":[],"values":[]}])"))},
      // XGBoost follows the parents of nodes that pruning has removed, too.
      {pruned, "]: got 268435456, want a node below",
       [](json&, json& trees) {
         for (json& pruned_tree : trees) {
           for (size_t i = 0; i < pruned_tree["parents"].size(); ++i) {
             if (pruned_tree["split_indices"][i] == 2147483647) pruned_tree["parents"][i] = 1 << 28;
           }
         }
       }},
      {categories, "categories_nodes[0]: got 268435456", tree("categories_nodes", 0, kHuge)},
      {categories, "categories_segments[0]: got 268435456", tree("categories_segments", 0, kHuge)},
      {categories, "categories_segments[0]: got -1", tree("categories_segments", 0, -1)},
      {categories, "categories_sizes[0]: got 268435456", tree("categories_sizes", 0, kHuge)},
      {categories, "categories_sizes[0]: got 0", tree("categories_sizes", 0, 0)},
      {categories, "categories[0]: got -1", tree("categories", 0, -1)},
      {categories, "categories[0]: got 268435456", tree("categories", 0, kHuge)},
      {categories, "categories_segments, categories_sizes", shorter("categories_sizes")},
      {vectors, "want a leaf below",
       [](json&, json& trees) {
         trees[0]["right_children"].back() = 1 << 28;
         trees[0]["left_children"].back() = -1;
       }},
      {vectors, "leaf_weights: is missing", [](json&, json& trees) { trees[0].erase("leaf_weights"); }},
      {vectors, "sum_hessian: is missing", [](json&, json& trees) { trees[0].erase("sum_hessian"); }},
      {vectors, "size_leaf_vector: got 3, want 4", learner("/learner_model_param/num_target", "4")},
      {"dart_multiclass.json", "weight_drop: got 1 values, want 9",
       learner("/gradient_booster/weight_drop", json::array({0.5}))},
      {"linear_multiclass.json", "weights: got 1 values, want 15, of 4 features",
       learner("/gradient_booster/model/weights", json::array({0.5}))},
      {"linear_multiclass.json", "weights: got 15 values, want 18", learner("/learner_model_param/num_feature", "5")},
  };
}

TEST(CheckModelTest, SaysWhatIsWrongInBothFormats) {
  for (const Corruption& corruption : Corruptions()) {
    json model = json::parse(ReadModel(corruption.model));
    json& learner = model["learner"];
    json& booster = learner["gradient_booster"];
    json none;
    json& trees = booster.contains("gbtree")           ? booster["gbtree"]["model"]["trees"]
                  : booster["model"].contains("trees") ? booster["model"]["trees"]
                                                       : none;
    ASSERT_TRUE(CheckModel(model.dump()).ok()) << CheckModel(model.dump()).ToString();
    // The base score is one number for all outputs, where a test changes their number.
    if (std::string_view(corruption.what).find("base_score") == std::string_view::npos) {
      learner["learner_model_param"]["base_score"] = "5E-1";
    }
    corruption.apply(learner, trees);
    for (const std::string& text : {model.dump(), ToUbjson(model)}) {
      SCOPED_TRACE(text.substr(0, 2));
      Status status = CheckModel(text);
      EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << corruption.what;
      if (std::string_view(corruption.what) != "want an object") {
        EXPECT_THAT(status.message(), HasSubstr(corruption.what));
      }
    }
  }
}

TEST(CheckModelTest, OlderLibrariesReadTheirOwnTreesOfSeveralTargets) {
  json model = json::parse(ReadModel("vector_leaf.json"));
  for (json& tree : model["learner"]["gradient_booster"]["model"]["trees"]) {
    tree.erase("leaf_weights");
    for (size_t i = 0; i < tree["left_children"].size(); ++i) {
      if (tree["left_children"][i] == -1) tree["right_children"][i] = -1;
    }
  }
  EXPECT_TRUE(CheckModel(model.dump(), /*old_vectors=*/true).ok());
  EXPECT_THAT(CheckModel(model.dump()).message(), HasSubstr("leaf_weights: is missing; XGBoost 3.2"));
}

TEST(CheckModelTest, RefusesFieldsThatAreThereTwice) {
  std::string text = ReadModel("multiclass.json");
  for (const char* field :
       {"\"learner\":", "\"gradient_booster\":", "\"trees\":", "\"left_children\":", "\"num_nodes\":"}) {
    std::string twice = text;
    std::string number = std::string_view(field).find("num") != std::string_view::npos ? "\"3\"" : "[1,-1,-1]";
    std::string value = std::string_view(field).find("lea") != std::string_view::npos ||
                                std::string_view(field).find("boo") != std::string_view::npos
                            ? "{}"
                            : number;
    twice.insert(twice.find(field), field + value + ",");
    EXPECT_FALSE(CheckModel(twice).ok()) << field;
  }
}

TEST(CheckModelTest, RefusesTreesTooDeepForTheStack) {
  json model = json::parse(ReadModel("pruned.json"));
  json& tree = model["learner"]["gradient_booster"]["model"]["trees"][0];
  constexpr int kNodes = 100'001;
  std::vector<int> left(kNodes, -1);
  std::vector<int> right(kNodes, -1);
  std::vector<int> parents(kNodes, 2147483647);
  for (int i = 0; i + 2 < kNodes; i += 2) {
    left[static_cast<size_t>(i)] = i + 1;
    right[static_cast<size_t>(i)] = i + 2;
    parents[static_cast<size_t>(i) + 1] = parents[static_cast<size_t>(i) + 2] = i;
  }
  tree["left_children"] = left;
  tree["right_children"] = right;
  tree["parents"] = parents;
  for (const char* name : {"split_indices", "split_type", "default_left", "base_weights", "split_conditions",
                           "loss_changes", "sum_hessian"}) {
    tree[name] = std::vector<int>(kNodes, 0);
  }
  tree["tree_param"]["num_nodes"] = std::to_string(kNodes);
  tree["tree_param"]["num_deleted"] = "0";
  EXPECT_THAT(CheckModel(model.dump()).message(), HasSubstr("deeper than 20000 levels"));
}

TEST(CheckModelTest, RefusesEveryPrefix) {
  std::string text = ReadModel("multiclass.json");
  while (std::string_view("}\n ").find(text.back()) == std::string_view::npos) text.pop_back();
  text.resize(text.rfind('}') + 1);
  for (size_t size = 0; size < text.size(); ++size) {
    ASSERT_EQ(CheckModel(text.substr(0, size)).code(), StatusCode::kInvalidArgument) << size;
  }
}

TEST(CheckModelTest, BearsAnyBytes) {
  std::minstd_rand random(1);
  for (const char* name : {"multiclass.json", "multiclass.ubj", "categories.ubj", "dart.ubj", "vector_leaf.ubj"}) {
    const std::string text = ReadModel(name);
    for (int i = 0; i < 300; ++i) {
      std::string changed = text;
      changed[random() % changed.size()] = static_cast<char>(random());
      static_cast<void>(CheckModel(changed));  // sanitizers tell
    }
  }
}

TEST(JsonReaderTest, ReadsOnlyWhatXgboostReadsTheSameWay) {
  for (const char* text :
       {"1.",         "-",         "-x",    "+1",  ".5",  "1e",      "1e+",  "nan",  "inf",   "-NaN",
        "0x1",        "1 2",       "tru",   "nul", "\"a", "\"a\\\"", "[1,]", "[,1]", "[1",    "[1 2]",
        "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "",    " ",   "]",       "{}}",  "[1.]", "[1.,2]"}) {
    JsonReader reader(text);
    Status status = reader.Skip();
    if (status.ok()) status = reader.End();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << text;
  }
  for (const char* text : {"0", "-1.5E-10", "NaN", " [ ] ", "{ }", "\"\\\\\"", "[{\"a\":[true,false,null]}]\n"}) {
    JsonReader reader(text);
    EXPECT_TRUE(reader.Skip().ok()) << text;
    EXPECT_TRUE(reader.End().ok()) << text;
  }
  std::string deep(100000, '[');
  EXPECT_THAT(JsonReader(deep).Skip().message(), HasSubstr("nested too deeply"));
}

}  // namespace
}  // namespace triune::xgboost
