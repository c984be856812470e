// XGBoost's library, opened. Its C functions are declared here because no package brings the header.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "triune/runtime.h"
#include "triune/status.h"

namespace triune::xgboost {

using BoosterHandle = void*;
using DMatrixHandle = void*;

/// The functions that we call. All return 0, or -1 with a message in XGBGetLastError (per thread).
struct XgboostApi {
  void (*XGBoostVersion)(int* major, int* minor, int* patch) = nullptr;
  const char* (*XGBGetLastError)() = nullptr;
  int (*XGBRegisterLogCallback)(void (*callback)(const char*)) = nullptr;
  int (*XGBoosterCreate)(const DMatrixHandle* caches, uint64_t count, BoosterHandle* out) = nullptr;
  int (*XGBoosterFree)(BoosterHandle) = nullptr;
  int (*XGBoosterLoadModelFromBuffer)(BoosterHandle, const void* data, uint64_t size) = nullptr;
  int (*XGBoosterSetParam)(BoosterHandle, const char* key, const char* value) = nullptr;
  int (*XGBoosterGetNumFeature)(BoosterHandle, uint64_t* out) = nullptr;
  /// The JSON belongs to the booster.
  int (*XGBoosterSaveJsonConfig)(BoosterHandle, uint64_t* size, const char** json) = nullptr;
  /// `values`: JSON of an array interface; `config`: JSON; `proxy`: of XGProxyDMatrixCreate, or null. The result
  /// belongs to the booster and the calling thread, until that thread's next call.
  int (*XGBoosterPredictFromDense)(BoosterHandle, const char* values, const char* config, DMatrixHandle proxy,
                                   const uint64_t** shape, uint64_t* rank, const float** result) = nullptr;
  int (*XGBoosterPredictFromDMatrix)(BoosterHandle, DMatrixHandle, const char* config, const uint64_t** shape,
                                     uint64_t* rank, const float** result) = nullptr;
  int (*XGDMatrixCreateFromDense)(const char* values, const char* config, DMatrixHandle* out) = nullptr;
  int (*XGDMatrixFree)(DMatrixHandle) = nullptr;
  int (*XGProxyDMatrixCreate)(DMatrixHandle* out) = nullptr;
};

/// One per process, shared by all models. Thread-safe.
struct XgboostLibrary {
  XgboostApi api;
  const triune_host* host = nullptr;
  std::string version;  ///< "3.2.0"
  /// Reads trees of several targets as versions before 3.2 wrote them; newer libraries crash on them.
  bool old_vectors = false;

  /// `handle` is from dlopen. FailedPrecondition for a library that lacks a function or is older than 2.0.
  static Result<std::unique_ptr<XgboostLibrary>> Open(void* handle, const triune_host* host);

  /// The error of the last call on this thread, when it returned other than 0.
  Status Check(int result, StatusCode code = StatusCode::kInternal) const {
    if (result == 0) [[likely]]
      return {};
    return Status(code, ErrorText(api.XGBGetLastError()));
  }

  /// XGBoost's message without the time, the source file and the stack trace: one line.
  static std::string ErrorText(const char* message);
};

}  // namespace triune::xgboost
