#include "compute/type_name.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

namespace triune::compute {

std::string TypeName(const std::type_info& type) {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> name(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), std::free);
  return status == 0 ? name.get() : type.name();
}

}  // namespace triune::compute
