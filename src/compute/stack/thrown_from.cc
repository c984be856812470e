// Exceptions don't say where they were thrown, so every throw in a task is noted: only return addresses, on the thread
// itself. They become names when the task fails.
#include "compute/stack/thrown_from.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <unwind.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string_view>
#include <typeinfo>

#include "compute/stack/symbols.h"
#include "triune/core/detail/task.h"

#ifdef __SANITIZE_ADDRESS__
extern "C" void* __asan_get_current_fake_stack(void);
extern "C" void* __asan_addr_is_in_fake_stack(void* fake_stack, void* address, void** begin, void** end);
#endif

namespace triune::compute {
namespace {

constexpr size_t kMostCalls = 64;
/// Below the function of the task there are some of Triune's own.
constexpr size_t kMostOwnCalls = 16;
/// Exceptions that may be on their way at the same time: one inside another, or thrown while another is handled.
constexpr size_t kKept = 8;

struct Record {
  const void* exception = nullptr;
  size_t count = 0;
  std::array<uintptr_t, kMostCalls + kMostOwnCalls> calls;
};
struct Records {
  std::array<Record, kKept> latest;
  size_t next = 0;
  const void* being_thrown = nullptr;
};
thread_local std::unique_ptr<Records> records;

struct Walk {
  Record& record;
  uintptr_t first;   ///< Where the outermost of our own calls returns to.
  uintptr_t bottom;  ///< On the stack: no calls from before the task.
  bool begun = false;
};

_Unwind_Reason_Code Step(_Unwind_Context* context, void* data) {
  Walk& walk = *static_cast<Walk*>(data);
  const uintptr_t address = _Unwind_GetIP(context);
  walk.begun = walk.begun || address == walk.first;
  if (!walk.begun) return _URC_NO_REASON;
  const bool is_full = walk.record.count == walk.record.calls.size();
  if (address == 0 || is_full || _Unwind_GetCFA(context) > walk.bottom) return _URC_END_OF_STACK;
  walk.record.calls[walk.record.count++] = address;
  return _URC_NO_REASON;
}

/// Of something on this thread's stack.
uintptr_t PlaceOnStack(void* address) {
#ifdef __SANITIZE_ADDRESS__
  // That may keep locals elsewhere, to find those that are used after their function has returned.
  if (void* fake = __asan_get_current_fake_stack()) {
    if (void* real = __asan_addr_is_in_fake_stack(fake, address, nullptr, nullptr)) address = real;
  }
#endif
  return reinterpret_cast<uintptr_t>(address);
}

[[gnu::noinline]] void Note(const void* exception, const void* returns_to) {
  if (records == nullptr) records.reset(new (std::nothrow) Records);
  if (records == nullptr) return;
  Record& record = records->latest[records->next++ % kKept];
  record.exception = exception;
  record.count = 0;
  Walk walk{.record = record,
            .first = reinterpret_cast<uintptr_t>(returns_to),
            .bottom = PlaceOnStack(detail::current_frame)};
  _Unwind_Backtrace(&Step, &walk);
}

const Record* Find(const void* exception) {
  if (records == nullptr || exception == nullptr) return nullptr;
  for (size_t i = 1; i <= kKept && i <= records->next; ++i) {
    const Record& record = records->latest[(records->next - i) % kKept];
    if (record.exception == exception) return &record;
  }
  return nullptr;
}

/// That is all that an exception_ptr has.
const void* CurrentException() {
  const std::exception_ptr current = std::current_exception();
  static_assert(sizeof(current) == sizeof(void*));
  const void* exception;
  std::memcpy(&exception, &current, sizeof(exception));
  return exception;
}

/// Triune's own functions, and what they use to call others.
bool IsOurs(std::string_view symbol) {
  if (!symbol.starts_with("_Z")) return false;
  symbol.remove_prefix(2);
  while (symbol.starts_with('Z') || symbol.starts_with('N') || symbol.starts_with('K')) symbol.remove_prefix(1);
  return symbol.starts_with("6triune6detail") || symbol.starts_with("6triune7compute") || symbol.starts_with("St");
}

template <typename Function>
Function* TheLibrarys(const char* name) {
  auto* function = reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
  if (function == nullptr) std::abort();
  return function;
}

using Destructor = void(void*);
using CxaThrow = void(void*, std::type_info*, Destructor*);
using CxaInit = abi::__cxa_refcounted_exception*(void*, std::type_info*, Destructor*) noexcept;

}  // namespace

std::vector<std::string> StackOfCurrentException() {
  const Record* record = Find(CurrentException());
  if (record == nullptr) return {};
  std::vector<CodeAddress> calls;
  for (size_t i = 0; i < record->count; ++i) {
    // What returns there was called just before.
    calls.push_back(LookUpAddress(record->calls[i] - 1));
    if (calls.back().symbol.starts_with("_ZN6triune6detail4Task7Execute")) break;
  }
  while (calls.size() > 1 && IsOurs(calls.back().symbol)) calls.pop_back();
  if (calls.size() > kMostCalls) calls.resize(kMostCalls);
  std::vector<std::string> stack;
  for (CodeAddress& call : calls) stack.push_back(std::move(call.text));
  return stack;
}

}  // namespace triune::compute

// The linker takes these for the program's and its libraries', and they hand over to the C++ library's own, or the
// sanitizer's that comes before it.
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
namespace __cxxabiv1 {

extern "C" __attribute__((noreturn)) void __cxa_throw(void* exception, std::type_info* type,
                                                      void (*destructor)(void*)) {
  using namespace triune::compute;  // NOLINT(google-build-using-namespace)
  static auto* const go_on = TheLibrarys<CxaThrow>("__cxa_throw");
  if (triune::detail::current_frame != nullptr) {
    Note(exception, __builtin_return_address(0));
    if (records != nullptr) records->being_thrown = exception;
  }
  go_on(exception, type, destructor);
  std::abort();
}

/// Also part of each throw, and all of make_exception_ptr.
extern "C" __cxa_refcounted_exception* __cxa_init_primary_exception(void* exception, std::type_info* type,
                                                                    void (*destructor)(void*)) noexcept {
  using namespace triune::compute;  // NOLINT(google-build-using-namespace)
  static auto* const go_on = TheLibrarys<CxaInit>("__cxa_init_primary_exception");
  if (triune::detail::current_frame != nullptr) {
    const bool is_noted = records != nullptr && std::exchange(records->being_thrown, nullptr) == exception;
    if (!is_noted) Note(exception, __builtin_return_address(0));
  }
  return go_on(exception, type, destructor);
}

}  // namespace __cxxabiv1
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
