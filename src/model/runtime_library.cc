#include "model/runtime_library.h"

#include <dlfcn.h>

#include <algorithm>

namespace triune::model {
namespace {

#if defined(TRIUNE_NO_DEEPBIND) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kFlags = RTLD_NOW | RTLD_LOCAL;
#else
constexpr int kFlags = RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND;
#endif

}  // namespace

Result<void*> OpenSharedObject(const std::string& path) {
  void* handle = dlopen(path.c_str(), kFlags);
  if (handle != nullptr) return handle;
  const char* error = dlerror();
  std::string message = error != nullptr ? error : "dlopen failed: " + path;
  std::ranges::replace(message, '\n', ' ');
  return FailedPrecondition(std::move(message));
}

}  // namespace triune::model
