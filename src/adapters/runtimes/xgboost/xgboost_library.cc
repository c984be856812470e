#include "adapters/runtimes/xgboost/xgboost_library.h"

#include <dlfcn.h>

#include <atomic>
#include <string_view>

#include "base/strings.h"

namespace triune::xgboost {
namespace {

constexpr int kOldestMajor = 2;

/// The log callback has no argument of ours.
std::atomic<const triune_host*> log_host{nullptr};

void Log(const char* message) {
  const triune_host* host = log_host.load(std::memory_order_relaxed);
  try {
    host->log(2, StrCat("XGBoost: ", XgboostLibrary::ErrorText(message)).c_str());
  } catch (const std::exception&) {  // a logger has nobody to report its own failure to
  }
}

template <typename Function>
bool Find(void* handle, const char* name, Function* function, std::string* missing) {
  *function = reinterpret_cast<Function>(dlsym(handle, name));
  if (*function != nullptr) return true;
  *missing += (missing->empty() ? "" : ", ") + std::string(name);
  return false;
}

}  // namespace

Result<std::unique_ptr<XgboostLibrary>> XgboostLibrary::Open(void* handle, const triune_host* host) {
  auto library = std::make_unique<XgboostLibrary>();
  library->host = host;
  XgboostApi& api = library->api;
  std::string missing;
  if (!Find(handle, "XGBoostVersion", &api.XGBoostVersion, &missing)) {
    return FailedPrecondition("the library has no function XGBoostVersion: not XGBoost");
  }
  int major = 0;
  int minor = 0;
  int patch = 0;
  api.XGBoostVersion(&major, &minor, &patch);
  library->version = StrCat(major, ".", minor, ".", patch);
  library->old_vectors = major < 3 || (major == 3 && minor < 2);
  if (major < kOldestMajor) {
    return FailedPrecondition(
        StrCat("XGBoost is too old: got ", library->version, ", want ", kOldestMajor, ".0 or newer"));
  }
  Find(handle, "XGBGetLastError", &api.XGBGetLastError, &missing);
  Find(handle, "XGBRegisterLogCallback", &api.XGBRegisterLogCallback, &missing);
  Find(handle, "XGBoosterCreate", &api.XGBoosterCreate, &missing);
  Find(handle, "XGBoosterFree", &api.XGBoosterFree, &missing);
  Find(handle, "XGBoosterLoadModelFromBuffer", &api.XGBoosterLoadModelFromBuffer, &missing);
  Find(handle, "XGBoosterSetParam", &api.XGBoosterSetParam, &missing);
  Find(handle, "XGBoosterGetNumFeature", &api.XGBoosterGetNumFeature, &missing);
  Find(handle, "XGBoosterSaveJsonConfig", &api.XGBoosterSaveJsonConfig, &missing);
  Find(handle, "XGBoosterPredictFromDense", &api.XGBoosterPredictFromDense, &missing);
  Find(handle, "XGBoosterPredictFromDMatrix", &api.XGBoosterPredictFromDMatrix, &missing);
  Find(handle, "XGDMatrixCreateFromDense", &api.XGDMatrixCreateFromDense, &missing);
  Find(handle, "XGDMatrixFree", &api.XGDMatrixFree, &missing);
  Find(handle, "XGProxyDMatrixCreate", &api.XGProxyDMatrixCreate, &missing);
  if (!missing.empty()) {
    return FailedPrecondition(StrCat("XGBoost ", library->version, " lacks functions: ", missing));
  }
  log_host.store(host);
  TRIUNE_RETURN_IF_ERROR(library->Check(api.XGBRegisterLogCallback(&Log)));
  return library;
}

std::string XgboostLibrary::ErrorText(const char* message) {
  std::string_view text = message;
  text = text.substr(0, text.find("\nStack trace"));
  // "[13:37:04] /workspace/src/common/json.cc:409: Unknown construct"
  if (text.starts_with('[')) {
    size_t time_end = text.find("] ");
    if (time_end != text.npos) text.remove_prefix(time_end + 2);
    size_t line_end = text.find(": ");
    bool names_source = line_end != text.npos && text.substr(0, line_end).find('/') != text.npos;
    if (names_source) text.remove_prefix(line_end + 2);
  }
  std::string line;
  for (char c : text) {
    bool space = c == '\n' || c == ' ';
    if (!space) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

}  // namespace triune::xgboost
