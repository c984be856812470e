// ONNX Runtime, opened.
#pragma once

#include <memory>
#include <string>

#include "adapters/runtimes/onnx/onnx_api.h"
#include "triune/runtime.h"
#include "triune/status.h"

namespace triune::onnx {

/// Calls the library's own release function.
template <typename T, auto kSlot>
struct Releaser {
  const OrtApi* api = nullptr;
  void operator()(T* object) const { (api->*kSlot)(object); }
};
using EnvPtr = std::unique_ptr<OrtEnv, Releaser<OrtEnv, &OrtApi::ReleaseEnv>>;
using MemoryInfoPtr = std::unique_ptr<OrtMemoryInfo, Releaser<OrtMemoryInfo, &OrtApi::ReleaseMemoryInfo>>;
using SessionPtr = std::unique_ptr<OrtSession, Releaser<OrtSession, &OrtApi::ReleaseSession>>;
using SessionOptionsPtr =
    std::unique_ptr<OrtSessionOptions, Releaser<OrtSessionOptions, &OrtApi::ReleaseSessionOptions>>;
using TypeInfoPtr = std::unique_ptr<OrtTypeInfo, Releaser<OrtTypeInfo, &OrtApi::ReleaseTypeInfo>>;
using ShapeInfoPtr = std::unique_ptr<OrtTensorTypeAndShapeInfo,
                                     Releaser<OrtTensorTypeAndShapeInfo, &OrtApi::ReleaseTensorTypeAndShapeInfo>>;
using ValuePtr = std::unique_ptr<OrtValue, Releaser<OrtValue, &OrtApi::ReleaseValue>>;
using RunOptionsPtr = std::unique_ptr<OrtRunOptions, Releaser<OrtRunOptions, &OrtApi::ReleaseRunOptions>>;
using IoBindingPtr = std::unique_ptr<OrtIoBinding, Releaser<OrtIoBinding, &OrtApi::ReleaseIoBinding>>;

/// One per process, shared by all models. Thread-safe once opened.
struct OnnxLibrary {
  OrtApi api;
  const triune_host* host = nullptr;
  std::string version;  ///< "1.32.0"
  EnvPtr env;
  MemoryInfoPtr cpu_memory;           ///< Describes memory of ours to the library.
  RunOptionsPtr run_options;          ///< For every run: errors are returned, not logged as well.
  OrtAllocator* allocator = nullptr;  ///< The library's; never released.

  /// `handle` is from dlopen. FailedPrecondition for a library that is not ONNX Runtime, is too old, or differs from
  /// one that the process has opened already.
  static Result<std::unique_ptr<OnnxLibrary>> Open(void* handle, const triune_host* host);

  /// Releases a value without knowing which library it came from: the host may hold outputs longer than their model.
  static void ReleaseAdopted(OrtValue* value);

  /// OK for null; otherwise the error, which it releases.
  Status Check(StatusPtr status) const {
    if (status == nullptr) [[likely]]
      return {};
    return TakeError(status);
  }

  /// An owner of what the library's functions create: Own<ValuePtr>(value).
  template <typename Ptr>
  Ptr Own(typename Ptr::pointer object) const {
    return Ptr(object, typename Ptr::deleter_type{&api});
  }

 private:
  Status TakeError(StatusPtr status) const;
};

/// The element type of the library for one of the protocol, and back; -1 for one that the protocol does not have.
ElementType ToElementType(triune_dtype dtype);
int FromElementType(ElementType type);
/// "complex64": for messages about types that the protocol does not have.
std::string ElementTypeName(ElementType type);
/// Bytes of one element; 0 for TRIUNE_BYTES.
size_t ElementSize(triune_dtype dtype);

}  // namespace triune::onnx
