#include "compute/stack/symbols.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace triune::compute {
namespace {

constexpr const char* kThisProgram = "/proc/self/exe";
/// A section that claims to be larger is not read.
constexpr uint64_t kLargestSection = uint64_t{1} << 30U;
constexpr size_t kMostNames = 4096;

/// The functions of an ELF file that was loaded: its symbol table, which the file has unless it was stripped, and which
/// knows static functions, too.
class SymbolFile {
 public:
  explicit SymbolFile(const char* path) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    Read(file);
    close(file);
    std::sort(functions_.begin(), functions_.end(),
              [](const Function& a, const Function& b) { return a.begin < b.begin; });
  }

  /// `at`: as in the file. Empty when there is none.
  std::string_view Find(uint64_t at) const {
    auto after = std::upper_bound(functions_.begin(), functions_.end(), at,
                                  [](uint64_t value, const Function& function) { return value < function.begin; });
    if (after == functions_.begin()) return {};
    const Function& function = *std::prev(after);
    return at - function.begin < function.size ? std::string_view(names_.data() + function.name) : std::string_view();
  }

 private:
  struct Function {
    uint64_t begin;
    uint64_t size;
    uint64_t name;
  };

  template <typename T>
  static bool ReadAt(int file, uint64_t offset, std::span<T> out) {
    const auto bytes = std::as_writable_bytes(out);
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t some = pread(file, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
      if (some <= 0) return false;
      done += static_cast<size_t>(some);
    }
    return true;
  }

  void Read(int file) {
    ElfW(Ehdr) header{};
    if (!ReadAt(file, 0, std::span(&header, 1)) || header.e_shentsize != sizeof(ElfW(Shdr))) return;
    std::vector<ElfW(Shdr)> sections(header.e_shnum);
    if (!ReadAt(file, header.e_shoff, std::span(sections))) return;
    for (const auto wanted : {SHT_SYMTAB, SHT_DYNSYM}) {
      for (const ElfW(Shdr) & section : sections) {
        if (section.sh_type != static_cast<uint32_t>(wanted) || section.sh_link >= sections.size()) continue;
        if (ReadTable(file, section, sections[section.sh_link])) return;
      }
    }
  }

  bool ReadTable(int file, const ElfW(Shdr) & table, const ElfW(Shdr) & strings) {
    if (table.sh_size > kLargestSection || strings.sh_size > kLargestSection) return false;
    std::vector<ElfW(Sym)> symbols(table.sh_size / sizeof(ElfW(Sym)));
    names_.resize(strings.sh_size + 1);  // ends with a zero
    if (!ReadAt(file, table.sh_offset, std::span(symbols)) ||
        !ReadAt(file, strings.sh_offset, std::span(names_.data(), strings.sh_size))) {
      return false;
    }
    for (const ElfW(Sym) & symbol : symbols) {
      const bool is_function = ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_shndx != SHN_UNDEF;
      if (is_function && symbol.st_name < strings.sh_size) {
        functions_.push_back({symbol.st_value, symbol.st_size, symbol.st_name});
      }
    }
    return true;
  }

  std::vector<Function> functions_;
  std::string names_;
};

std::string Demangled(const std::string& symbol) {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status),
                                              std::free);
  std::string name = status == 0 ? text.get() : symbol;
  constexpr std::string_view kLongString =
      "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >";
  for (size_t at = name.find(kLongString); at != std::string::npos; at = name.find(kLongString, at)) {
    name.replace(at, kLongString.size(), "std::string");
  }
  return name;
}

std::string FileName(const char* path) {
  std::array<char, 4096> target{};
  if (std::string_view(path) == kThisProgram && readlink(path, target.data(), target.size() - 1) > 0) {
    path = target.data();
  }
  const std::string_view whole = path;
  return std::string(whole.substr(whole.rfind('/') + 1));
}

std::string Hexadecimal(uint64_t number) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "0x%llx", static_cast<unsigned long long>(number));
  return text.data();
}

/// How often a library was unloaded: what its addresses mean may change then.
uint64_t Unloads() {
  uint64_t count = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* out) {
        *static_cast<uint64_t*>(out) = info->dlpi_subs;
        return 1;
      },
      &count);
  return count;
}

class Names {
 public:
  CodeAddress LookUp(uintptr_t address) {
    const uint64_t unloads = Unloads();
    std::lock_guard lock(mutex_);
    if (std::exchange(unloads_, unloads) != unloads) known_.clear();
    auto found = known_.find(address);
    if (found != known_.end()) return found->second;
    CodeAddress result = Read(address);
    if (known_.size() < kMostNames) known_.emplace(address, result);
    return result;
  }

 private:
  CodeAddress Read(uintptr_t address) {
    Dl_info info{};
    const link_map* library = nullptr;
    if (dladdr1(reinterpret_cast<void*>(address), &info, reinterpret_cast<void**>(const_cast<link_map**>(&library)),
                RTLD_DL_LINKMAP) == 0 ||
        library == nullptr) {
      return {.symbol = {}, .text = Hexadecimal(address)};
    }
    const char* path = library->l_name == nullptr || *library->l_name == 0 ? kThisProgram : library->l_name;
    const uint64_t at = address - library->l_addr;
    auto file = files_.find(path);
    if (file == files_.end()) file = files_.emplace(path, SymbolFile(path)).first;
    CodeAddress result{.symbol = std::string(file->second.Find(at)), .text = FileName(path) + "+" + Hexadecimal(at)};
    if (result.symbol.empty() && info.dli_sname != nullptr) result.symbol = info.dli_sname;
    if (result.symbol.starts_with("_Z")) {
      result.symbol.resize(std::min(result.symbol.find('.'), result.symbol.size()));  // ".cold": a part of it
    }
    if (!result.symbol.empty()) result.text = Demangled(result.symbol) + " at " + result.text;
    return result;
  }

  std::mutex mutex_;
  uint64_t unloads_ = 0;
  std::map<std::string, SymbolFile, std::less<>> files_;
  std::unordered_map<uintptr_t, CodeAddress> known_;
};

}  // namespace

CodeAddress LookUpAddress(uintptr_t address) {
  // Never destroyed: tasks may fail to the very end.
  static auto* const names = new Names;
  return names->LookUp(address);
}

}  // namespace triune::compute
