// The part of ONNX Runtime's C API that the plug-in calls, declared here because no package brings its header. The API
// is one table of function pointers to which every version appends; positions never change. runtimes_test calls every
// one of these functions in the real library.
#pragma once

#include <cstddef>
#include <cstdint>

namespace triune::onnx {

struct OrtEnv;
struct OrtStatus;
struct OrtMemoryInfo;
struct OrtSession;
struct OrtValue;
struct OrtRunOptions;
struct OrtTypeInfo;
struct OrtTensorTypeAndShapeInfo;
struct OrtSessionOptions;
struct OrtAllocator;
struct OrtIoBinding;

/// ONNXTensorElementDataType.
enum class ElementType : int {
  kUndefined = 0,
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kUint32 = 12,
  kUint64 = 13,
  kComplex64 = 14,
  kComplex128 = 15,
  kBfloat16 = 16,
};

/// ONNXType.
enum class ValueKind : int { kUnknown, kTensor, kSequence, kMap, kOpaque, kSparseTensor, kOptional };

/// OrtErrorCode.
enum class ErrorCode : int {
  kOk,
  kFail,
  kInvalidArgument,
  kNoSuchFile,
  kNoModel,
  kEngineError,
  kRuntimeException,
  kInvalidProtobuf,
  kModelLoaded,
  kNotImplemented,
  kInvalidGraph,
  kEpFail,
};

/// GraphOptimizationLevel, ExecutionMode, OrtAllocatorType, OrtMemType, OrtLoggingLevel: the values used.
enum class OptimizationLevel : int { kDisable = 0, kBasic = 1, kExtended = 2, kAll = 99 };
enum class ExecutionMode : int { kSequential = 0, kParallel = 1 };
inline constexpr int kDeviceAllocator = 0;
inline constexpr int kMemTypeDefault = 0;
enum class LogSeverity : int { kVerbose, kInfo, kWarning, kError, kFatal };

using LogFunction = void (*)(void* param, LogSeverity severity, const char* category, const char* log_id,
                             const char* code_location, const char* message);

/// The first version of the API that has all functions below: ONNX Runtime 1.15's.
inline constexpr uint32_t kApiVersion = 15;

/// A function of the table at position kPosition.
template <size_t kPosition, typename Function>
class Slot;
template <size_t kPosition, typename R, typename... Args>
class Slot<kPosition, R (*)(Args...)> {
 public:
  void Take(const void* const* table) {
    function_ = reinterpret_cast<R (*)(Args...)>(const_cast<void*>(table[kPosition]));
  }
  R operator()(Args... args) const { return function_(args...); }
  R (*get() const)(Args...) { return function_; }

 private:
  R (*function_)(Args...) = nullptr;
};

/// Null means success; anything else must be released.
using StatusPtr = OrtStatus*;

/// The functions that we use, by name. Filled by Take() from the library's table.
struct OrtApi {
  Slot<1, ErrorCode (*)(const OrtStatus*)> GetErrorCode;
  Slot<2, const char* (*)(const OrtStatus*)> GetErrorMessage;
  Slot<4, StatusPtr (*)(LogFunction, void*, LogSeverity, const char* log_id, OrtEnv**)> CreateEnvWithCustomLogger;
  Slot<7, StatusPtr (*)(const OrtEnv*, const char* path, const OrtSessionOptions*, OrtSession**)> CreateSession;
  Slot<9,
       StatusPtr (*)(OrtSession*, const OrtRunOptions*, const char* const* input_names, const OrtValue* const* inputs,
                     size_t input_count, const char* const* output_names, size_t output_count, OrtValue** outputs)>
      Run;
  Slot<10, StatusPtr (*)(OrtSessionOptions**)> CreateSessionOptions;
  Slot<13, StatusPtr (*)(OrtSessionOptions*, ExecutionMode)> SetSessionExecutionMode;
  Slot<16, StatusPtr (*)(OrtSessionOptions*)> EnableMemPattern;
  Slot<17, StatusPtr (*)(OrtSessionOptions*)> DisableMemPattern;
  Slot<18, StatusPtr (*)(OrtSessionOptions*)> EnableCpuMemArena;
  Slot<19, StatusPtr (*)(OrtSessionOptions*)> DisableCpuMemArena;
  Slot<20, StatusPtr (*)(OrtSessionOptions*, const char*)> SetSessionLogId;
  Slot<22, StatusPtr (*)(OrtSessionOptions*, int)> SetSessionLogSeverityLevel;
  Slot<23, StatusPtr (*)(OrtSessionOptions*, OptimizationLevel)> SetSessionGraphOptimizationLevel;
  Slot<24, StatusPtr (*)(OrtSessionOptions*, int)> SetIntraOpNumThreads;
  Slot<25, StatusPtr (*)(OrtSessionOptions*, int)> SetInterOpNumThreads;
  Slot<30, StatusPtr (*)(const OrtSession*, size_t*)> SessionGetInputCount;
  Slot<31, StatusPtr (*)(const OrtSession*, size_t*)> SessionGetOutputCount;
  Slot<32, StatusPtr (*)(const OrtSession*, size_t*)> SessionGetOverridableInitializerCount;
  Slot<33, StatusPtr (*)(const OrtSession*, size_t, OrtTypeInfo**)> SessionGetInputTypeInfo;
  Slot<34, StatusPtr (*)(const OrtSession*, size_t, OrtTypeInfo**)> SessionGetOutputTypeInfo;
  Slot<35, StatusPtr (*)(const OrtSession*, size_t, OrtTypeInfo**)> SessionGetOverridableInitializerTypeInfo;
  Slot<36, StatusPtr (*)(const OrtSession*, size_t, OrtAllocator*, char**)> SessionGetInputName;
  Slot<37, StatusPtr (*)(const OrtSession*, size_t, OrtAllocator*, char**)> SessionGetOutputName;
  Slot<38, StatusPtr (*)(const OrtSession*, size_t, OrtAllocator*, char**)> SessionGetOverridableInitializerName;
  Slot<39, StatusPtr (*)(OrtRunOptions**)> CreateRunOptions;
  Slot<41, StatusPtr (*)(OrtRunOptions*, LogSeverity)> RunOptionsSetRunLogSeverityLevel;
  Slot<48, StatusPtr (*)(OrtAllocator*, const int64_t* dims, size_t rank, ElementType, OrtValue**)>
      CreateTensorAsOrtValue;
  Slot<49, StatusPtr (*)(const OrtMemoryInfo*, void* data, size_t size, const int64_t* dims, size_t rank, ElementType,
                         OrtValue**)>
      CreateTensorWithDataAsOrtValue;
  Slot<51, StatusPtr (*)(OrtValue*, void**)> GetTensorMutableData;
  Slot<53, StatusPtr (*)(const OrtValue*, size_t*)> GetStringTensorDataLength;
  Slot<55, StatusPtr (*)(const OrtTypeInfo*, const OrtTensorTypeAndShapeInfo**)> CastTypeInfoToTensorInfo;
  Slot<56, StatusPtr (*)(const OrtTypeInfo*, ValueKind*)> GetOnnxTypeFromTypeInfo;
  Slot<60, StatusPtr (*)(const OrtTensorTypeAndShapeInfo*, ElementType*)> GetTensorElementType;
  Slot<61, StatusPtr (*)(const OrtTensorTypeAndShapeInfo*, size_t*)> GetDimensionsCount;
  Slot<62, StatusPtr (*)(const OrtTensorTypeAndShapeInfo*, int64_t*, size_t)> GetDimensions;
  Slot<65, StatusPtr (*)(const OrtValue*, OrtTensorTypeAndShapeInfo**)> GetTensorTypeAndShape;
  Slot<69, StatusPtr (*)(int allocator_type, int mem_type, OrtMemoryInfo**)> CreateCpuMemoryInfo;
  Slot<76, StatusPtr (*)(OrtAllocator*, void*)> AllocatorFree;
  Slot<78, StatusPtr (*)(OrtAllocator**)> GetAllocatorWithDefaultOptions;
  Slot<92, void (*)(OrtEnv*)> ReleaseEnv;
  Slot<93, void (*)(OrtStatus*)> ReleaseStatus;
  Slot<94, void (*)(OrtMemoryInfo*)> ReleaseMemoryInfo;
  Slot<95, void (*)(OrtSession*)> ReleaseSession;
  Slot<96, void (*)(OrtValue*)> ReleaseValue;
  Slot<97, void (*)(OrtRunOptions*)> ReleaseRunOptions;
  Slot<98, void (*)(OrtTypeInfo*)> ReleaseTypeInfo;
  Slot<99, void (*)(OrtTensorTypeAndShapeInfo*)> ReleaseTensorTypeAndShapeInfo;
  Slot<100, void (*)(OrtSessionOptions*)> ReleaseSessionOptions;
  Slot<127, StatusPtr (*)(const OrtValue*, size_t index, size_t* length)> GetStringTensorElementLength;
  Slot<128, StatusPtr (*)(const OrtValue*, size_t length, size_t index, void* out)> GetStringTensorElement;
  Slot<130, StatusPtr (*)(OrtSessionOptions*, const char* key, const char* value)> AddSessionConfigEntry;
  Slot<133, StatusPtr (*)(OrtSession*, const OrtRunOptions*, const OrtIoBinding*)> RunWithBinding;
  Slot<134, StatusPtr (*)(OrtSession*, OrtIoBinding**)> CreateIoBinding;
  Slot<135, void (*)(OrtIoBinding*)> ReleaseIoBinding;
  Slot<136, StatusPtr (*)(OrtIoBinding*, const char* name, const OrtValue*)> BindInput;
  Slot<137, StatusPtr (*)(OrtIoBinding*, const char* name, const OrtValue*)> BindOutput;
  Slot<252, StatusPtr (*)(OrtValue*, size_t index, size_t length, char** buffer)> GetResizedStringTensorElementBuffer;

  void Take(const void* table);
};

/// What OrtGetApiBase() returns.
struct OrtApiBase {
  const void* (*GetApi)(uint32_t version);
  const char* (*GetVersionString)();
};

}  // namespace triune::onnx
