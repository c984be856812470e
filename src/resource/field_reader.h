// Reads typed values out of a map whose fields have been checked.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resource/diagnostic.h"
#include "resource/quantity.h"
#include "resource/yaml_tree.h"

namespace triune::resource {

/// One map of a manifest, with its path in the document. CheckFields has reported what has a wrong type; here such
/// values read as absent, and so do nulls. Refers to the node and the list, which must outlive it. Thread-compatible.
class FieldReader {
 public:
  FieldReader(const YamlNode& node, std::string path, DiagnosticList& diagnostics)
      : node_(&node), path_(std::move(path)), diagnostics_(&diagnostics) {}

  bool Has(std::string_view name) const { return Find(name) != nullptr; }
  std::string String(std::string_view name) const;  ///< Empty when absent.
  std::optional<int64_t> Integer(std::string_view name) const;
  std::vector<std::string> StringList(std::string_view name) const;
  std::map<std::string, std::string> StringMap(std::string_view name) const;
  std::map<std::string, Quantity> QuantityMap(std::string_view name) const;
  /// An empty map when absent.
  FieldReader Object(std::string_view name) const;
  std::vector<FieldReader> ObjectList(std::string_view name) const;

  /// Reports that the field `name` is wrong (or missing, then on the line of this map).
  void Error(std::string_view name, std::string_view message) const;
  void Unsupported(std::string_view name, std::string_view message) const;

  int line() const { return node_->line; }
  const std::string& path() const { return path_; }

 private:
  const YamlNode* Find(std::string_view name) const;
  int LineOf(std::string_view name) const;

  const YamlNode* node_;
  std::string path_;
  DiagnosticList* diagnostics_;
};

}  // namespace triune::resource
