// "Did you mean ...?"
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace triune::resource {

/// Edits (insert, delete, replace, swap neighbours) that turn `a` into `b`; letters that differ in case only are equal.
size_t EditDistance(std::string_view a, std::string_view b);

/// The candidate nearest to `name` when it is near enough to be a slip of the pen, else empty.
std::string_view Suggest(std::string_view name, const std::vector<std::string_view>& candidates);

}  // namespace triune::resource
