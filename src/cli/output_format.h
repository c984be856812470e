// Answers of commands: as a table for people, as JSON or YAML for programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace triune::cli {

/// Columns as wide as their widest cell, two spaces between; the first row is the head.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows);
/// Two-space indentation, with a line break at the end.
std::string FormatJson(const nlohmann::ordered_json& value);
/// YAML of objects, arrays, strings, numbers, booleans and null. Strings are quoted where YAML would read them as
/// something else.
std::string FormatYaml(const nlohmann::ordered_json& value);

}  // namespace triune::cli
