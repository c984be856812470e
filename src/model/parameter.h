// The open-ended key/value parameters of the Open Inference Protocol.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

namespace triune::model {

/// One entry of a `parameters` object. Nested objects and arrays are refused by the codecs, as the protocol says.
struct Parameter {
  using Value = std::variant<bool, int64_t, double, std::string>;
  std::string key;
  Value value;

  void Clear() { key.clear(); }
};

}  // namespace triune::model
