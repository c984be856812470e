#include "adapters/runtimes/plugin_boundary.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/strings.h"

namespace triune::plugin {

int Report(const Status& status, triune_error* error) {
  if (status.ok()) return 0;
  size_t length = std::min(status.message().size(), sizeof(error->message) - 1);
  std::memcpy(error->message, status.message().data(), length);
  error->message[length] = 0;
  return static_cast<int>(status.code());
}

const char* ParameterReader::Find(std::string_view key) {
  known_.push_back(key);
  for (uint32_t i = 0; i < config_.parameter_count; ++i) {
    if (key == config_.parameters[i].key) return config_.parameters[i].value;
  }
  return nullptr;
}

Status ParameterReader::Int(std::string_view key, int least, int most, int* value) {
  const char* text = Find(key);
  if (text == nullptr) return {};
  int parsed = 0;
  const char* end = text + std::strlen(text);
  auto [rest, error] = std::from_chars(text, end, parsed);
  if (error != std::errc() || rest != end || parsed < least || parsed > most) {
    return InvalidArgument(
        StrCat("parameter ", key, ": got '", text, "', want a whole number from ", least, " to ", most));
  }
  *value = parsed;
  return {};
}

Status ParameterReader::Bool(std::string_view key, bool* value) {
  int index = *value ? 0 : 1;
  TRIUNE_RETURN_IF_ERROR(Choice(key, {"true", "false", "1", "0"}, &index));
  *value = index % 2 == 0;
  return {};
}

Status ParameterReader::Choice(std::string_view key, std::initializer_list<std::string_view> names, int* index) {
  const char* text = Find(key);
  if (text == nullptr) return {};
  const auto* found = std::ranges::find(names, std::string_view(text));
  if (found != names.end()) {
    *index = static_cast<int>(found - names.begin());
    return {};
  }
  std::string want;
  for (std::string_view name : names) want += (want.empty() ? "" : ", ") + std::string(name);
  return InvalidArgument(StrCat("parameter ", key, ": got '", text, "', want one of: ", want));
}

Status ParameterReader::Finish() const {
  for (uint32_t i = 0; i < config_.parameter_count; ++i) {
    std::string_view key = config_.parameters[i].key;
    if (std::ranges::find(known_, key) != known_.end()) continue;
    std::string want;
    for (std::string_view name : known_) want += (want.empty() ? "" : ", ") + std::string(name);
    return InvalidArgument(StrCat("no parameter of the runtime is named so: got '", key, "', want one of: ", want));
  }
  return {};
}

}  // namespace triune::plugin
