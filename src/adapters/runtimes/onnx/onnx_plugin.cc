// The plug-in interface over ONNX Runtime.
#include <memory>
#include <span>

#include "adapters/runtimes/onnx/onnx_library.h"
#include "adapters/runtimes/onnx/onnx_model.h"
#include "adapters/runtimes/plugin_boundary.h"
#include "triune/runtime.h"

using triune::Status;
using triune::onnx::OnnxLibrary;
using triune::onnx::OnnxModel;

struct triune_library {
  std::unique_ptr<OnnxLibrary> library;
};
struct triune_model {
  std::unique_ptr<OnnxModel> model;
};

namespace {

constexpr const char* kFormats[] = {"onnx", nullptr};
constexpr const char* kModelFiles[] = {"model.onnx", "*.onnx", nullptr};
constexpr const char* kLibraryNames[] = {"libonnxruntime.so*", nullptr};
constexpr const char* kPythonLocations[] = {"onnxruntime/capi/libonnxruntime.so*", nullptr};

int LibraryOpen(void* handle, const triune_host* host, triune_library** out, triune_error* error) {
  return triune::plugin::Guard(error, [&]() -> Status {
    TRIUNE_ASSIGN_OR_RETURN(std::unique_ptr<OnnxLibrary> library, OnnxLibrary::Open(handle, host));
    *out = new triune_library{std::move(library)};
    return {};
  });
}

const char* LibraryVersion(const triune_library* library) { return library->library->version.c_str(); }

void LibraryClose(triune_library* library) { delete library; }

int ModelLoad(triune_library* library, const triune_model_config* config, triune_model** out, triune_error* error) {
  return triune::plugin::Guard(error, [&]() -> Status {
    TRIUNE_ASSIGN_OR_RETURN(std::unique_ptr<OnnxModel> model, OnnxModel::Load(*library->library, *config));
    *out = new triune_model{std::move(model)};
    return {};
  });
}

const triune_signature* ModelSignature(const triune_model* model) { return &model->model->signature(); }

uint64_t ModelMemory(const triune_model* model) { return model->model->memory_bytes(); }

int ModelInfer(triune_model* model, const triune_tensor* inputs, uint32_t input_count, const uint32_t* outputs,
               uint32_t output_count, triune_response* response, triune_error* error) {
  return triune::plugin::Guard(error, [&]() -> Status {
    return model->model->Infer({std::span(inputs, input_count), std::span(outputs, output_count)}, response);
  });
}

void ModelUnload(triune_model* model) { delete model; }

constexpr triune_runtime_plugin kPlugin = {
    .abi = TRIUNE_RUNTIME_ABI,
    .name = "onnx",
    .title = "ONNX Runtime",
    .formats = kFormats,
    .model_files = kModelFiles,
    .library_names = kLibraryNames,
    .python_locations = kPythonLocations,
    .library_open = &LibraryOpen,
    .library_version = &LibraryVersion,
    .library_close = &LibraryClose,
    .model_probe = nullptr,
    .model_load = &ModelLoad,
    .model_signature = &ModelSignature,
    .model_memory = &ModelMemory,
    .model_infer = &ModelInfer,
    .model_unload = &ModelUnload,
};

}  // namespace

extern "C" __attribute__((visibility("default"))) const triune_runtime_plugin* triune_runtime_plugin_get(void) {
  return &kPlugin;
}
