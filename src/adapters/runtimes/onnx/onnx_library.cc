#include "adapters/runtimes/onnx/onnx_library.h"

#include <dlfcn.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <exception>
#include <utility>

#include "base/strings.h"

namespace triune::onnx {
namespace {

struct TypePair {
  ElementType type;
  size_t size;
};
/// In the order of triune_dtype.
constexpr std::array<TypePair, 14> kTypes = {{{ElementType::kBool, 1},
                                              {ElementType::kUint8, 1},
                                              {ElementType::kUint16, 2},
                                              {ElementType::kUint32, 4},
                                              {ElementType::kUint64, 8},
                                              {ElementType::kInt8, 1},
                                              {ElementType::kInt16, 2},
                                              {ElementType::kInt32, 4},
                                              {ElementType::kInt64, 8},
                                              {ElementType::kFloat16, 2},
                                              {ElementType::kFloat, 4},
                                              {ElementType::kDouble, 8},
                                              {ElementType::kString, 0},
                                              {ElementType::kBfloat16, 2}}};

/// The table of the process's one ONNX Runtime; never changes once set.
std::atomic<const void*> process_table{nullptr};
std::atomic<void (*)(OrtValue*)> process_release{nullptr};

StatusCode CodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kInvalidProtobuf:
    case ErrorCode::kInvalidGraph:
    case ErrorCode::kNoModel:
      return StatusCode::kInvalidArgument;
    case ErrorCode::kNoSuchFile:
      return StatusCode::kNotFound;
    case ErrorCode::kNotImplemented:
      return StatusCode::kUnimplemented;
    default:
      return StatusCode::kInternal;
  }
}

void Log(void* param, LogSeverity severity, const char* category, const char* log_id, const char* code_location,
         const char* message) {
  static_cast<void>(code_location);
  int level = severity == LogSeverity::kVerbose   ? 0
              : severity == LogSeverity::kInfo    ? 1
              : severity == LogSeverity::kWarning ? 2
                                                  : 3;
  // A logger has nobody to report its own failure to.
  try {
    std::string text = StrCat("ONNX Runtime: ", category, ": ", log_id, ": ", message);
    static_cast<const triune_host*>(param)->log(level, text.c_str());
  } catch (const std::exception&) {
  }
}

}  // namespace

Result<std::unique_ptr<OnnxLibrary>> OnnxLibrary::Open(void* handle, const triune_host* host) {
  auto get_base = reinterpret_cast<const OrtApiBase* (*)()>(dlsym(handle, "OrtGetApiBase"));
  if (get_base == nullptr) return FailedPrecondition("the library has no function OrtGetApiBase: not ONNX Runtime");
  const OrtApiBase* base = get_base();
  auto library = std::make_unique<OnnxLibrary>();
  library->version = base->GetVersionString();
  // Older libraries complain on standard error when asked for a version that they lack; compare first.
  int minor = 0;
  if (std::sscanf(library->version.c_str(), "1.%d", &minor) == 1 && minor < static_cast<int>(kApiVersion)) {
    return FailedPrecondition(
        StrCat("ONNX Runtime is too old: got ", library->version, ", want 1.", kApiVersion, " or newer"));
  }
  const void* table = base->GetApi(kApiVersion);
  if (table == nullptr) {
    return FailedPrecondition(
        StrCat("ONNX Runtime ", library->version, " does not offer version ", kApiVersion, " of its C API"));
  }
  const void* open = nullptr;
  if (!process_table.compare_exchange_strong(open, table) && open != table) {
    return FailedPrecondition("another ONNX Runtime is open in this process: got " + library->version);
  }
  library->api.Take(table);
  process_release.store(library->api.ReleaseValue.get());
  library->host = host;
  const OrtApi& api = library->api;
  OrtEnv* env = nullptr;
  TRIUNE_RETURN_IF_ERROR(library->Check(
      api.CreateEnvWithCustomLogger(&Log, const_cast<triune_host*>(host), LogSeverity::kWarning, "triune", &env)));
  library->env = library->Own<EnvPtr>(env);
  OrtMemoryInfo* memory = nullptr;
  TRIUNE_RETURN_IF_ERROR(library->Check(api.CreateCpuMemoryInfo(kDeviceAllocator, kMemTypeDefault, &memory)));
  library->cpu_memory = library->Own<MemoryInfoPtr>(memory);
  OrtRunOptions* run_options = nullptr;
  TRIUNE_RETURN_IF_ERROR(library->Check(api.CreateRunOptions(&run_options)));
  library->run_options = library->Own<RunOptionsPtr>(run_options);
  TRIUNE_RETURN_IF_ERROR(library->Check(api.RunOptionsSetRunLogSeverityLevel(run_options, LogSeverity::kFatal)));
  TRIUNE_RETURN_IF_ERROR(library->Check(api.GetAllocatorWithDefaultOptions(&library->allocator)));
  return library;
}

void OnnxLibrary::ReleaseAdopted(OrtValue* value) { process_release.load(std::memory_order_relaxed)(value); }

Status OnnxLibrary::TakeError(StatusPtr status) const {
  std::string message = api.GetErrorMessage(status);
  while (!message.empty() && message.back() == '\n') message.pop_back();
  StatusCode code = CodeOf(api.GetErrorCode(status));
  api.ReleaseStatus(status);
  return Status(code, std::move(message));
}

ElementType ToElementType(triune_dtype dtype) { return kTypes[static_cast<size_t>(dtype)].type; }

int FromElementType(ElementType type) {
  for (size_t i = 0; i < kTypes.size(); ++i) {
    if (kTypes[i].type == type) return static_cast<int>(i);
  }
  return -1;
}

std::string ElementTypeName(ElementType type) {
  switch (type) {
    case ElementType::kComplex64:
      return "complex64";
    case ElementType::kComplex128:
      return "complex128";
    default:
      return StrCat("number ", static_cast<int>(type), " of ONNX's TensorProto.DataType");
  }
}

size_t ElementSize(triune_dtype dtype) { return kTypes[static_cast<size_t>(dtype)].size; }

}  // namespace triune::onnx
