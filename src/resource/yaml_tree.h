// YAML and JSON as plain values that remember their lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace triune::resource {

struct YamlEntry;

/// A node of a document. Aliases and merge keys (`<<`) are resolved. Value type.
struct YamlNode {
  enum class Kind : uint8_t { kNull, kScalar, kSequence, kMap };

  explicit YamlNode(Kind a_kind = Kind::kNull, int a_line = 0);

  Kind kind;                       ///< Nothing else is set in a null.
  bool plain = false;              ///< A scalar without quotes: it may be a number or a boolean.
  int line;                        ///< From 1.
  std::string text;                ///< Of a scalar.
  std::vector<YamlNode> elements;  ///< Of a sequence.
  std::vector<YamlEntry> entries;  ///< Of a map, in the order of the file; no key occurs twice.

  /// The value of `key`, null when this is no map or has no such key.
  const YamlNode* Find(std::string_view key) const;
};

struct YamlEntry {
  std::string key;
  int line = 0;  ///< Of the key.
  YamlNode value;
};

/// What keeps a hostile file from costing much time or memory.
struct YamlLimits {
  size_t text_bytes = size_t{4} << 20U;
  size_t depth = 64;
  size_t documents = 1000;
  size_t nodes = 200'000;                  ///< Each use of an alias counts the nodes it stands for.
  size_t alias_bytes = size_t{16} << 20U;  ///< Text that anchors and aliases duplicate.
};

struct YamlProblem {
  int line = 0;  ///< From 1; 0 when unknown.
  std::string message;
};

struct YamlDocuments {
  std::vector<YamlNode> documents;    ///< Those before the first fatal problem; empty ones are left out.
  std::vector<YamlProblem> problems;  ///< Empty when the text was read to its end and had no duplicate keys.
};

/// Reads all documents of `text`, which must be UTF-8. Never throws.
YamlDocuments ParseYaml(std::string_view text, const YamlLimits& limits = {});

}  // namespace triune::resource
