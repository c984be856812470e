// The plug-in interface over XGBoost.
#include <memory>

#include "adapters/runtimes/plugin_boundary.h"
#include "adapters/runtimes/xgboost/xgboost_file.h"
#include "adapters/runtimes/xgboost/xgboost_library.h"
#include "adapters/runtimes/xgboost/xgboost_model.h"
#include "triune/runtime.h"

using triune::Status;
using triune::xgboost::XgboostLibrary;
using triune::xgboost::XgboostModel;

struct triune_library {
  std::unique_ptr<XgboostLibrary> library;
};
struct triune_model {
  std::unique_ptr<XgboostModel> model;
};

namespace {

constexpr const char* kFormats[] = {"xgboost", nullptr};
// model.bst is the name that KServe asks for.
constexpr const char* kModelFiles[] = {"model.bst", "model.ubj", "model.json", "*.bst", "*.ubj", "*.json", nullptr};
constexpr const char* kLibraryNames[] = {"libxgboost.so*", nullptr};
constexpr const char* kPythonLocations[] = {"xgboost/lib/libxgboost.so*", nullptr};

int LibraryOpen(void* handle, const triune_host* host, triune_library** out, triune_error* error) {
  return triune::plugin::Guard(error, [&]() -> Status {
    TRIUNE_ASSIGN_OR_RETURN(std::unique_ptr<XgboostLibrary> library, XgboostLibrary::Open(handle, host));
    *out = new triune_library{std::move(library)};
    return {};
  });
}

const char* LibraryVersion(const triune_library* library) { return library->library->version.c_str(); }

void LibraryClose(triune_library* library) { delete library; }

int ModelProbe(const char* path) {
  triune_error error;
  bool looks_like_model = false;
  int code = triune::plugin::Guard(&error, [&]() -> Status {
    looks_like_model = triune::xgboost::LooksLikeModel(path);
    return {};
  });
  return code == 0 && looks_like_model ? 1 : 0;
}

int ModelLoad(triune_library* library, const triune_model_config* config, triune_model** out, triune_error* error) {
  return triune::plugin::Guard(error, [&]() -> Status {
    TRIUNE_ASSIGN_OR_RETURN(std::unique_ptr<XgboostModel> model, XgboostModel::Load(*library->library, *config));
    *out = new triune_model{std::move(model)};
    return {};
  });
}

const triune_signature* ModelSignature(const triune_model* model) { return &model->model->signature(); }

uint64_t ModelMemory(const triune_model* model) { return model->model->memory_bytes(); }

int ModelInfer(triune_model* model, const triune_tensor* inputs, uint32_t input_count, const uint32_t* outputs,
               uint32_t output_count, triune_response* response, triune_error* error) {
  // There is one input and one output; the host has checked that they are there.
  static_cast<void>(input_count);
  static_cast<void>(outputs);
  static_cast<void>(output_count);
  return triune::plugin::Guard(error, [&] { return model->model->Infer(inputs[0], response); });
}

void ModelUnload(triune_model* model) { delete model; }

constexpr triune_runtime_plugin kPlugin = {
    .abi = TRIUNE_RUNTIME_ABI,
    .name = "xgboost",
    .title = "XGBoost",
    .formats = kFormats,
    .model_files = kModelFiles,
    .library_names = kLibraryNames,
    .python_locations = kPythonLocations,
    .library_open = &LibraryOpen,
    .library_version = &LibraryVersion,
    .library_close = &LibraryClose,
    .model_probe = &ModelProbe,
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
