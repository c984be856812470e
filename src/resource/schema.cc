#include "resource/schema.h"

#include <algorithm>
#include <vector>

#include "base/strings.h"
#include "resource/quantity.h"
#include "resource/scalar.h"
#include "resource/suggestion.h"

namespace triune::resource {
namespace {

/// One walk over an object. `told` is true below a field of which has been said that it has no effect.
class Checker {
 public:
  explicit Checker(DiagnosticList& diagnostics) : diagnostics_(diagnostics) {}

  void CheckObject(const YamlNode& object, const Schema& schema, const std::string& path, bool told) {
    for (const YamlEntry& entry : object.entries) {
      if (entry.value.kind == YamlNode::Kind::kNull) continue;
      // Once the report is full, findings are only counted.
      std::string field = diagnostics_.full() ? path : JoinPath(path, entry.key);
      if (const FieldSpec* spec = schema.Find(entry.key)) {
        CheckField(entry, *spec, field, told);
      } else {
        ReportUnknown(entry, schema, field);
      }
    }
  }

 private:
  void CheckField(const YamlEntry& entry, const FieldSpec& spec, const std::string& path, bool told) {
    if (spec.effect == Effect::kOutput) return;
    if (spec.effect == Effect::kNone && !told) {
      diagnostics_.Unsupported(entry.line, path, "known to KServe, has no effect here yet");
      told = true;
    }
    CheckValue(entry.value, spec, path, told);
  }

  void ReportUnknown(const YamlEntry& entry, const Schema& schema, const std::string& path) {
    std::string message = "unknown field";
    if (!diagnostics_.full()) {
      std::vector<std::string_view> names;
      for (auto table : schema.tables) {
        for (const FieldSpec& spec : table) names.push_back(spec.name);
      }
      std::string_view suggestion = Suggest(entry.key, names);
      if (!suggestion.empty()) message += StrCat(": did you mean ", suggestion, "?");
    }
    diagnostics_.Unsupported(entry.line, path, message);
  }

  void CheckValue(const YamlNode& value, const FieldSpec& spec, const std::string& path, bool told) {
    switch (spec.type) {
      case FieldType::kAny:
        return;
      case FieldType::kString:
        return CheckString(value, spec, path);
      case FieldType::kInteger:
        return CheckInteger(value, spec, path);
      case FieldType::kBool:
        if (!AsBool(value)) Mismatch(value, path, "true or false");
        return;
      case FieldType::kIntegerOrString:
        if (!AsInteger(value)) CheckString(value, spec, path);
        return;
      case FieldType::kQuantity:
        return CheckQuantity(value, path);
      case FieldType::kObject:
        if (value.kind != YamlNode::Kind::kMap) return Mismatch(value, path, "a map");
        if (spec.schema != nullptr) CheckObject(value, *spec.schema, path, told);
        return;
      case FieldType::kObjectList:
        return CheckList(value, {"", FieldType::kObject, spec.schema}, path, told);
      case FieldType::kStringList:
        return CheckList(value, StringField(""), path, told);
      case FieldType::kStringMap:
        return CheckStringMap(value, path);
    }
  }

  void CheckString(const YamlNode& value, const FieldSpec& spec, const std::string& path) {
    if (value.kind != YamlNode::Kind::kScalar) return Mismatch(value, path, "a string");
    if (TypeOf(value) != ScalarType::kString) return Mismatch(value, path, "a string (put it in quotes)");
    if (value.text.find('\0') != std::string::npos) return Mismatch(value, path, "a string without NUL bytes");
    if (spec.choices.empty() || std::ranges::find(spec.choices, value.text) != spec.choices.end()) return;
    std::string wanted = "one of ";
    for (size_t i = 0; i < spec.choices.size(); ++i) wanted += StrCat(i > 0 ? ", " : "", spec.choices[i]);
    Mismatch(value, path, wanted);
  }

  void CheckInteger(const YamlNode& value, const FieldSpec& spec, const std::string& path) {
    std::optional<int64_t> number = AsInteger(value);
    if (!number) return Mismatch(value, path, "an integer");
    if (*number >= spec.least && *number <= spec.most) return;
    std::string wanted = StrCat("an integer of at least ", spec.least);
    if (spec.most != std::numeric_limits<int64_t>::max()) wanted += StrCat(" and at most ", spec.most);
    Mismatch(value, path, wanted);
  }

  void CheckQuantity(const YamlNode& value, const std::string& path) {
    if (value.kind != YamlNode::Kind::kScalar || TypeOf(value) == ScalarType::kBool) {
      return Mismatch(value, path, "a quantity like \"500m\", \"2\" or \"1Gi\"");
    }
    auto quantity = Quantity::Parse(value.text);
    if (!quantity.ok()) return diagnostics_.Error(value.line, path, quantity.status().message());
    if (quantity->IsNegative()) Mismatch(value, path, "a quantity that is not negative");
  }

  void CheckList(const YamlNode& value, const FieldSpec& element, const std::string& path, bool told) {
    if (value.kind != YamlNode::Kind::kSequence) return Mismatch(value, path, "a list");
    for (size_t i = 0; i < value.elements.size(); ++i) {
      std::string element_path = diagnostics_.full() ? path : StrCat(path, "[", i, "]");
      CheckValue(value.elements[i], element, element_path, told);
    }
  }

  void CheckStringMap(const YamlNode& value, const std::string& path) {
    if (value.kind != YamlNode::Kind::kMap) return Mismatch(value, path, "a map of strings");
    for (const YamlEntry& entry : value.entries) {
      if (entry.value.kind == YamlNode::Kind::kNull) continue;
      CheckString(entry.value, StringField(""), diagnostics_.full() ? path : JoinPath(path, entry.key));
    }
  }

  void Mismatch(const YamlNode& value, const std::string& path, std::string_view wanted) {
    diagnostics_.Error(value.line, path, diagnostics_.full() ? "" : StrCat("got ", Describe(value), ", want ", wanted));
  }

  DiagnosticList& diagnostics_;
};

}  // namespace

const FieldSpec* Schema::Find(std::string_view name) const {
  for (auto table : tables) {
    auto found = std::ranges::find(table, name, &FieldSpec::name);
    if (found != table.end()) return &*found;
  }
  return others;
}

void CheckFields(const YamlNode& object, const Schema& schema, const std::string& path, DiagnosticList& diagnostics) {
  Checker(diagnostics).CheckObject(object, schema, path, /*told=*/false);
}

std::string JoinPath(const std::string& path, std::string_view name) {
  auto simple = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  if (name.empty() || !std::ranges::all_of(name, simple)) return StrCat(path, "[", name, "]");
  return path.empty() ? std::string(name) : StrCat(path, ".", name);
}

}  // namespace triune::resource
