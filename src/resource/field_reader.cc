#include "resource/field_reader.h"

#include <algorithm>

#include "base/strings.h"
#include "resource/scalar.h"
#include "resource/schema.h"

namespace triune::resource {
namespace {

bool IsString(const YamlNode& node) {
  return node.kind == YamlNode::Kind::kScalar && TypeOf(node) == ScalarType::kString;
}

}  // namespace

const YamlNode* FieldReader::Find(std::string_view name) const {
  const YamlNode* value = node_->Find(name);
  return value == nullptr || value->kind == YamlNode::Kind::kNull ? nullptr : value;
}

int FieldReader::LineOf(std::string_view name) const {
  auto entry = std::ranges::find(node_->entries, name, &YamlEntry::key);
  return entry == node_->entries.end() ? node_->line : entry->line;
}

std::string FieldReader::String(std::string_view name) const {
  const YamlNode* value = Find(name);
  return value != nullptr && IsString(*value) ? value->text : "";
}

std::optional<int64_t> FieldReader::Integer(std::string_view name) const {
  const YamlNode* value = Find(name);
  return value == nullptr ? std::nullopt : AsInteger(*value);
}

std::vector<std::string> FieldReader::StringList(std::string_view name) const {
  std::vector<std::string> result;
  const YamlNode* list = Find(name);
  if (list == nullptr) return result;
  for (const YamlNode& element : list->elements) {
    if (IsString(element)) result.push_back(element.text);
  }
  return result;
}

std::map<std::string, std::string> FieldReader::StringMap(std::string_view name) const {
  std::map<std::string, std::string> result;
  const YamlNode* map = Find(name);
  if (map == nullptr) return result;
  for (const YamlEntry& entry : map->entries) {
    if (IsString(entry.value)) result.emplace(entry.key, entry.value.text);
  }
  return result;
}

std::map<std::string, Quantity> FieldReader::QuantityMap(std::string_view name) const {
  std::map<std::string, Quantity> result;
  const YamlNode* map = Find(name);
  if (map == nullptr) return result;
  for (const YamlEntry& entry : map->entries) {
    if (entry.value.kind != YamlNode::Kind::kScalar) continue;
    auto quantity = Quantity::Parse(entry.value.text);
    if (quantity.ok()) result.emplace(entry.key, *std::move(quantity));
  }
  return result;
}

FieldReader FieldReader::Object(std::string_view name) const {
  static const YamlNode empty(YamlNode::Kind::kMap);
  const YamlNode* value = Find(name);
  bool is_map = value != nullptr && value->kind == YamlNode::Kind::kMap;
  return FieldReader(is_map ? *value : empty, JoinPath(path_, name), *diagnostics_);
}

std::vector<FieldReader> FieldReader::ObjectList(std::string_view name) const {
  std::vector<FieldReader> result;
  const YamlNode* list = Find(name);
  if (list == nullptr) return result;
  for (size_t i = 0; i < list->elements.size(); ++i) {
    if (list->elements[i].kind != YamlNode::Kind::kMap) continue;
    result.emplace_back(list->elements[i], StrCat(JoinPath(path_, name), "[", i, "]"), *diagnostics_);
  }
  return result;
}

void FieldReader::Error(std::string_view name, std::string_view message) const {
  diagnostics_->Error(LineOf(name), JoinPath(path_, name), message);
}

void FieldReader::Unsupported(std::string_view name, std::string_view message) const {
  diagnostics_->Unsupported(LineOf(name), JoinPath(path_, name), message);
}

}  // namespace triune::resource
