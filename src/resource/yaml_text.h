// Is it text at all?
#pragma once

#include <optional>
#include <string_view>

#include "resource/yaml_tree.h"

namespace triune::resource {

/// The first byte of `text` that YAML forbids: not UTF-8, or a control character other than tab and line breaks.
std::optional<YamlProblem> FindForbiddenByte(std::string_view text);

}  // namespace triune::resource
