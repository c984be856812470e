// Names of functions and types for people.
#pragma once

#include <cstring>
#include <string>
#include <type_traits>
#include <typeinfo>

namespace triune::detail {

/// "std::runtime_error" rather than "St13runtime_error".
std::string TypeName(const std::type_info& type);
/// Of the function at an address, without its parameters; empty when it can't be told: the program is stripped.
std::string SymbolName(const void* address);

/// Of what a task calls: a function, a method, or an object, which has the name of its type.
template <typename Function>
std::string NameOfFunction(const Function& function) {
  if constexpr (std::is_pointer_v<Function>) {
    return SymbolName(reinterpret_cast<const void*>(function));
  } else if constexpr (requires { function.Name(); }) {
    return function.Name();
  } else {
    return TypeName(typeid(Function));
  }
}

}  // namespace triune::detail
