#include "triune/core/detail/names.h"

#include <cxxabi.h>
#include <dlfcn.h>

#include <cstdlib>
#include <memory>

namespace triune::detail {
namespace {

std::string Demangled(const char* name) {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status), std::free);
  return status == 0 ? text.get() : name;
}

}  // namespace

std::string TypeName(const std::type_info& type) { return Demangled(type.name()); }

std::string SymbolName(const void* address) {
  Dl_info info{};
  if (dladdr(address, &info) == 0 || info.dli_sname == nullptr || info.dli_saddr != address) return {};
  std::string name = Demangled(info.dli_sname);
  return name.substr(0, name.find('('));
}

}  // namespace triune::detail
