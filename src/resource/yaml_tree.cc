#include "resource/yaml_tree.h"

#include <yaml-cpp/anchor.h>
#include <yaml-cpp/emitterstyle.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <map>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "base/strings.h"
#include "resource/diagnostic.h"
#include "resource/yaml_text.h"

namespace triune::resource {
namespace {

constexpr std::string_view kMergeKey = "<<";

/// Thrown through yaml-cpp by the handler below, to stop it; caught in ParseYaml.
struct Rejected : std::runtime_error {
  Rejected(int at, const std::string& message) : std::runtime_error(message), line(at) {}
  int line;
};

int LineOf(const YAML::Mark& mark) { return mark.is_null() ? 0 : mark.line + 1; }

struct Weight {
  size_t nodes = 0;
  size_t bytes = 0;
};

void AddWeight(const YamlNode& node, Weight& weight) {
  ++weight.nodes;
  weight.bytes += node.text.size();
  for (const YamlNode& element : node.elements) AddWeight(element, weight);
  for (const YamlEntry& entry : node.entries) {
    weight.bytes += entry.key.size();
    AddWeight(entry.value, weight);
  }
}

/// Indices of `entries` by key; equal keys stay in the order of the file.
std::vector<size_t> OrderByKey(const std::vector<YamlEntry>& entries) {
  std::vector<size_t> order(entries.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [&](size_t i) -> std::string_view { return entries[i].key; });
  return order;
}

/// Builds the trees from yaml-cpp's events. yaml-cpp's own YAML::Node is not used: it hides duplicate keys and the
/// lines of keys, and expands nothing until it is walked, which is too late to stop an alias bomb.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, const YamlLimits& limits, YamlDocuments& result)
      : text_(text), limits_(limits), result_(result) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (result_.documents.size() >= limits_.documents) {
      throw Rejected(LineOf(mark), StrCat("too many documents in one file: want at most ", limits_.documents));
    }
    anchored_.clear();
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    ReportMissingColon(mark);
    Leaf(YamlNode(YamlNode::Kind::kNull, LineOf(mark)), anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    NoteKey(mark);
    // "?" is yaml-cpp's tag for a scalar that has neither quotes nor a tag.
    bool plain = tag == "?" || tag == "tag:yaml.org,2002:int" || tag == "tag:yaml.org,2002:bool" ||
                 tag == "tag:yaml.org,2002:float";
    YamlNode node(YamlNode::Kind::kScalar, LineOf(mark));
    node.plain = plain;
    node.text = value;
    Leaf(std::move(node), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    NoteKey(mark);
    auto found = anchored_.find(anchor);
    if (found == anchored_.end()) throw Rejected(LineOf(mark), "alias stands inside the node that it names");
    ChargeCopy(found->second, LineOf(mark));
    YamlNode copy = found->second;
    Place(std::move(copy));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kSequence, mark, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    Open(YamlNode::Kind::kMap, mark, anchor);
    open_.back().is_flow = style == YAML::EmitterStyle::Flow;
  }
  void OnMapEnd() override {
    YamlNode& map = open_.back().node;
    ReportDuplicates(map);
    MergeInto(map);
    Close();
  }

 private:
  struct OpenNode {
    YamlNode node;
    YAML::anchor_t anchor = YAML::NullAnchor;
    bool key_is_next = true;
    bool is_flow = false;   ///< A map in braces.
    int key_position = -1;  ///< In the text, of the newest key.
  };

  void NoteKey(const YAML::Mark& mark) {
    if (!open_.empty() && open_.back().key_is_next) open_.back().key_position = mark.pos;
  }

  /// yaml-cpp takes "timeout 5", the last line of a map, for a key without a value, and so would a typing mistake
  /// vanish. It tells of such a value at the key's own position; in braces, where the map or its next key goes on.
  void ReportMissingColon(const YAML::Mark& mark) {
    if (open_.empty() || open_.back().key_is_next || open_.back().node.kind != YamlNode::Kind::kMap) return;
    const OpenNode& map = open_.back();
    bool missing = mark.pos == map.key_position;
    if (map.is_flow && mark.pos > map.key_position) {
      std::string_view before = text_.substr(0, static_cast<size_t>(mark.pos));
      size_t last = before.find_last_not_of(" \t\r\n");
      missing = last != std::string_view::npos && before[last] != ':';
    }
    if (!missing) return;
    const YamlEntry& entry = map.node.entries.back();
    result_.problems.push_back(
        {entry.line, StrCat("no ':' behind a key: got ", Quote(entry.key), ", want KEY: VALUE")});
  }

  void Charge(size_t nodes, int line) {
    nodes_ += nodes;
    if (nodes_ > limits_.nodes) {
      throw Rejected(line,
                     StrCat("too many values in one file (uses of aliases count what they stand for): want at most ",
                            limits_.nodes));
    }
  }
  void ChargeCopy(const YamlNode& node, int line) {
    Weight weight;
    AddWeight(node, weight);
    Charge(weight.nodes, line);
    alias_bytes_ += weight.bytes;
    if (alias_bytes_ > limits_.alias_bytes) {
      throw Rejected(line, StrCat("aliases stand for too much text: want at most ", limits_.alias_bytes, " bytes"));
    }
  }

  void Leaf(YamlNode node, YAML::anchor_t anchor) {
    Charge(1, node.line);
    Finish(std::move(node), anchor);
  }
  void Open(YamlNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    Charge(1, LineOf(mark));
    if (open_.size() >= limits_.depth) {
      throw Rejected(LineOf(mark), StrCat("nested too deeply: want at most ", limits_.depth, " levels"));
    }
    open_.push_back({YamlNode(kind, LineOf(mark)), anchor});
  }
  void Close() {
    OpenNode done = std::move(open_.back());
    open_.pop_back();
    Finish(std::move(done.node), done.anchor);
  }
  void Finish(YamlNode node, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) {
      ChargeCopy(node, node.line);
      anchored_[anchor] = node;
    }
    Place(std::move(node));
  }

  /// Puts a finished node where it belongs: into the sequence or map around it, or among the documents.
  void Place(YamlNode node) {
    if (open_.empty()) {
      if (node.kind != YamlNode::Kind::kNull) result_.documents.push_back(std::move(node));
      return;
    }
    OpenNode& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::kSequence) {
      parent.node.elements.push_back(std::move(node));
    } else if (std::exchange(parent.key_is_next, !parent.key_is_next)) {
      if (node.kind != YamlNode::Kind::kScalar) throw Rejected(node.line, "key of a map is not text");
      parent.node.entries.push_back({std::move(node.text), node.line, YamlNode()});
    } else {
      parent.node.entries.back().value = std::move(node);
    }
  }

  /// Keeps the first of several equal keys.
  void ReportDuplicates(YamlNode& map) {
    std::vector<YamlEntry>& entries = map.entries;
    std::vector<bool> again(entries.size());
    bool any = false;
    std::vector<size_t> order = OrderByKey(entries);
    for (size_t i = 1, first = 0; i < order.size(); ++i) {
      if (entries[order[i]].key != entries[order[first]].key) {
        first = i;
        continue;
      }
      any = again[order[i]] = true;
      result_.problems.push_back(
          {entries[order[i]].line, StrCat("duplicate key: got ", Quote(entries[order[i]].key), " again, first on line ",
                                          entries[order[first]].line)});
    }
    if (!any) return;
    std::vector<YamlEntry> kept;
    for (size_t i = 0; i < entries.size(); ++i) {
      if (!again[i]) kept.push_back(std::move(entries[i]));
    }
    entries = std::move(kept);
  }

  /// `<<: *defaults`, or a list of such: the entries of the named maps, for the keys that the map has not itself.
  static void MergeInto(YamlNode& map) {
    auto merge = std::ranges::find(map.entries, kMergeKey, &YamlEntry::key);
    if (merge == map.entries.end()) return;
    YamlNode source = std::move(merge->value);
    map.entries.erase(merge);
    std::vector<YamlNode> sources;
    if (source.kind == YamlNode::Kind::kSequence) {
      sources = std::move(source.elements);
    } else {
      sources.push_back(std::move(source));
    }
    for (YamlNode& from : sources) {
      if (from.kind != YamlNode::Kind::kMap) throw Rejected(from.line, "merge key << wants a map or a list of maps");
      for (YamlEntry& entry : from.entries) map.entries.push_back(std::move(entry));
    }
    // Own entries stand first and earlier maps before later ones, so the first of several equal keys wins.
    std::vector<size_t> order = OrderByKey(map.entries);
    auto same = [&](size_t a, size_t b) { return map.entries[a].key == map.entries[b].key; };
    order.erase(std::unique(order.begin(), order.end(), same), order.end());
    std::ranges::sort(order);
    std::vector<YamlEntry> kept;
    for (size_t i : order) kept.push_back(std::move(map.entries[i]));
    map.entries = std::move(kept);
  }

  const std::string_view text_;
  const YamlLimits& limits_;
  YamlDocuments& result_;
  std::vector<OpenNode> open_;
  std::map<YAML::anchor_t, YamlNode> anchored_;
  size_t nodes_ = 0;
  size_t alias_bytes_ = 0;
};

}  // namespace

YamlNode::YamlNode(Kind a_kind, int a_line) : kind(a_kind), line(a_line) {}

const YamlNode* YamlNode::Find(std::string_view key) const {
  auto found = std::ranges::find(entries, key, &YamlEntry::key);
  return found == entries.end() ? nullptr : &found->value;
}

YamlDocuments ParseYaml(std::string_view text, const YamlLimits& limits) {
  YamlDocuments result;
  if (text.size() > limits.text_bytes) {
    result.problems.push_back(
        {0, StrCat("file is too large: got ", text.size(), " bytes, want at most ", limits.text_bytes)});
    return result;
  }
  if (auto problem = FindForbiddenByte(text)) {
    result.problems.push_back(*std::move(problem));
    return result;
  }
  // yaml-cpp counts positions from behind it.
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    TreeBuilder builder(text, limits, result);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& e) {
    result.problems.push_back({LineOf(e.mark), "not valid YAML: " + e.msg});
  } catch (const Rejected& e) {
    result.problems.push_back({e.line, e.what()});
  } catch (const std::exception& e) {
    result.problems.push_back({0, StrCat("can't be read as YAML: ", e.what())});
  }
  return result;
}

}  // namespace triune::resource
