// Which fields an object of Kubernetes may have, of which types, and which of them do something here.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "resource/diagnostic.h"
#include "resource/yaml_tree.h"

namespace triune::resource {

enum class FieldType : uint8_t {
  kAny,
  kString,
  kInteger,
  kBool,
  kIntegerOrString,
  kQuantity,
  kObject,
  kObjectList,
  kStringList,
  kStringMap,
};

enum class Effect : uint8_t {
  kActs,    ///< Triune does what the field says.
  kNone,    ///< KServe or Kubernetes has it; here it does nothing yet, which a warning says.
  kOutput,  ///< Written by the API server, not by people: passed over.
};

struct Schema;

/// One field, in a table. Made with the functions below.
struct FieldSpec {
  std::string_view name;
  FieldType type = FieldType::kAny;
  const Schema* schema = nullptr;  ///< Of an object or of a list's objects; null: not looked into.
  Effect effect = Effect::kActs;
  int64_t least = std::numeric_limits<int64_t>::min();
  int64_t most = std::numeric_limits<int64_t>::max();
  std::span<const std::string_view> choices = {};  ///< Empty: any text.

  constexpr FieldSpec NoEffect() const {
    FieldSpec spec = *this;
    spec.effect = Effect::kNone;
    return spec;
  }
  constexpr FieldSpec Output() const {
    FieldSpec spec = *this;
    spec.effect = Effect::kOutput;
    return spec;
  }
};

constexpr FieldSpec AnyField(std::string_view name) { return {name}; }
constexpr FieldSpec StringField(std::string_view name) { return {name, FieldType::kString}; }
constexpr FieldSpec ChoiceField(std::string_view name, std::span<const std::string_view> choices) {
  FieldSpec spec = StringField(name);
  spec.choices = choices;
  return spec;
}
constexpr FieldSpec IntegerField(std::string_view name, int64_t least = std::numeric_limits<int64_t>::min(),
                                 int64_t most = std::numeric_limits<int64_t>::max()) {
  FieldSpec spec{name, FieldType::kInteger};
  spec.least = least;
  spec.most = most;
  return spec;
}
constexpr FieldSpec BoolField(std::string_view name) { return {name, FieldType::kBool}; }
constexpr FieldSpec IntegerOrStringField(std::string_view name) { return {name, FieldType::kIntegerOrString}; }
constexpr FieldSpec QuantityField(std::string_view name) { return {name, FieldType::kQuantity}; }
constexpr FieldSpec ObjectField(std::string_view name, const Schema* schema = nullptr) {
  return {name, FieldType::kObject, schema};
}
constexpr FieldSpec ObjectListField(std::string_view name, const Schema* schema = nullptr) {
  return {name, FieldType::kObjectList, schema};
}
constexpr FieldSpec StringListField(std::string_view name) { return {name, FieldType::kStringList}; }
constexpr FieldSpec StringMapField(std::string_view name) { return {name, FieldType::kStringMap}; }

/// The fields of one kind of object, in up to four tables.
struct Schema {
  std::array<std::span<const FieldSpec>, 4> tables = {};
  /// When it has one, the type and effect of fields that no table has (resources.limits may name any resource).
  const FieldSpec* others = nullptr;

  /// Null when there is no such field.
  const FieldSpec* Find(std::string_view name) const;
};

/// Reports every field of `object` (a map, found at `path`) that is unknown, has no effect, or has a wrong type or
/// value, down to the leaves. Null values are as good as absent ones. What this passes, FieldReader reads.
void CheckFields(const YamlNode& object, const Schema& schema, const std::string& path, DiagnosticList& diagnostics);

/// "spec" and "predictor" make "spec.predictor"; names with dots or other punctuation are put in brackets.
std::string JoinPath(const std::string& path, std::string_view name);

}  // namespace triune::resource
