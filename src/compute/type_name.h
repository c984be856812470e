// Names of types for people.
#pragma once

#include <string>
#include <typeinfo>

namespace triune::compute {

/// "std::runtime_error" rather than "St13runtime_error".
std::string TypeName(const std::type_info& type);

}  // namespace triune::compute
