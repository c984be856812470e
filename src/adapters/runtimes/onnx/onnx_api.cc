#include "adapters/runtimes/onnx/onnx_api.h"

namespace triune::onnx {

void OrtApi::Take(const void* table) {
  const auto* functions = static_cast<const void* const*>(table);
  GetErrorCode.Take(functions);
  GetErrorMessage.Take(functions);
  CreateEnvWithCustomLogger.Take(functions);
  CreateSession.Take(functions);
  Run.Take(functions);
  CreateSessionOptions.Take(functions);
  SetSessionExecutionMode.Take(functions);
  EnableMemPattern.Take(functions);
  DisableMemPattern.Take(functions);
  EnableCpuMemArena.Take(functions);
  DisableCpuMemArena.Take(functions);
  SetSessionLogId.Take(functions);
  SetSessionLogSeverityLevel.Take(functions);
  SetSessionGraphOptimizationLevel.Take(functions);
  SetIntraOpNumThreads.Take(functions);
  SetInterOpNumThreads.Take(functions);
  SessionGetInputCount.Take(functions);
  SessionGetOutputCount.Take(functions);
  SessionGetOverridableInitializerCount.Take(functions);
  SessionGetInputTypeInfo.Take(functions);
  SessionGetOutputTypeInfo.Take(functions);
  SessionGetOverridableInitializerTypeInfo.Take(functions);
  SessionGetInputName.Take(functions);
  SessionGetOutputName.Take(functions);
  SessionGetOverridableInitializerName.Take(functions);
  CreateRunOptions.Take(functions);
  RunOptionsSetRunLogSeverityLevel.Take(functions);
  CreateTensorAsOrtValue.Take(functions);
  CreateTensorWithDataAsOrtValue.Take(functions);
  GetTensorMutableData.Take(functions);
  GetStringTensorDataLength.Take(functions);
  CastTypeInfoToTensorInfo.Take(functions);
  GetOnnxTypeFromTypeInfo.Take(functions);
  GetTensorElementType.Take(functions);
  GetDimensionsCount.Take(functions);
  GetDimensions.Take(functions);
  GetTensorTypeAndShape.Take(functions);
  CreateCpuMemoryInfo.Take(functions);
  AllocatorFree.Take(functions);
  GetAllocatorWithDefaultOptions.Take(functions);
  ReleaseEnv.Take(functions);
  ReleaseStatus.Take(functions);
  ReleaseMemoryInfo.Take(functions);
  ReleaseSession.Take(functions);
  ReleaseValue.Take(functions);
  ReleaseRunOptions.Take(functions);
  ReleaseTypeInfo.Take(functions);
  ReleaseTensorTypeAndShapeInfo.Take(functions);
  ReleaseSessionOptions.Take(functions);
  GetStringTensorElementLength.Take(functions);
  GetStringTensorElement.Take(functions);
  AddSessionConfigEntry.Take(functions);
  RunWithBinding.Take(functions);
  CreateIoBinding.Take(functions);
  ReleaseIoBinding.Take(functions);
  BindInput.Take(functions);
  BindOutput.Take(functions);
  GetResizedStringTensorElementBuffer.Take(functions);
}

}  // namespace triune::onnx
