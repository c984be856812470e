// What a YAML scalar is: text, a boolean or a number.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "resource/yaml_tree.h"

namespace triune::resource {

enum class ScalarType : uint8_t { kString, kBool, kInteger, kFloat };

/// The type that Kubernetes would see: plain `yes`, `on`, `1.32` are no strings, quoted ones are. `node` is a scalar.
ScalarType TypeOf(const YamlNode& node);

/// Nothing when `node` is no boolean, or no integer of 64 bits.
std::optional<bool> AsBool(const YamlNode& node);
std::optional<int64_t> AsInteger(const YamlNode& node);

/// For messages, what came: `a list`, `the boolean yes`, `the string "two"`.
std::string Describe(const YamlNode& node);

}  // namespace triune::resource
