#include "triune/core/detail/names.h"

#include <cxxabi.h>
#include <dlfcn.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "compute/stack/symbols.h"

namespace triune::detail {
namespace {

std::string Demangled(const char* name) {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status), std::free);
  return status == 0 ? text.get() : name;
}

/// "app::(anonymous namespace)::Parse(std::string const&)" -> "app::Parse".
std::string WithoutParameters(std::string name) {
  constexpr std::string_view kAnonymous = "(anonymous namespace)::";
  for (size_t at = name.find(kAnonymous); at != std::string::npos; at = name.find(kAnonymous)) {
    name.erase(at, kAnonymous.size());
  }
  return name.substr(0, name.find('('));
}

}  // namespace

std::string TypeName(const std::type_info& type) { return Demangled(type.name()); }

std::string SymbolName(const void* address) {
  Dl_info info{};
  if (dladdr(address, &info) == 0) return {};
  if (info.dli_sname != nullptr && info.dli_saddr == address) return WithoutParameters(Demangled(info.dli_sname));
  // What a program does not export is in its file, unless that was stripped.
  const compute::CodeAddress found = compute::LookUpAddress(reinterpret_cast<uintptr_t>(address));
  return found.symbol.empty() ? std::string() : WithoutParameters(Demangled(found.symbol.c_str()));
}

}  // namespace triune::detail
