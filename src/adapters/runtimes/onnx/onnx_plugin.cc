// The plug-in interface over ONNX Runtime.
#include "adapters/runtimes/onnx/onnx_library.h"
#include "adapters/runtimes/onnx/onnx_model.h"
#include "adapters/runtimes/plugin_functions.h"
#include "triune/runtime.h"

namespace {

constexpr const char* kFormats[] = {"onnx", nullptr};
constexpr const char* kModelFiles[] = {"model.onnx", "*.onnx", nullptr};
constexpr const char* kLibraryNames[] = {"libonnxruntime.so*", nullptr};
constexpr const char* kPythonLocations[] = {"onnxruntime/capi/libonnxruntime.so*", nullptr};

constexpr triune_runtime_plugin MakePlugin() {
  auto plugin = triune::plugin::Functions<triune::onnx::OnnxLibrary, triune::onnx::OnnxModel>();
  plugin.name = "onnx";
  plugin.title = "ONNX Runtime";
  plugin.formats = kFormats;
  plugin.model_files = kModelFiles;
  plugin.library_names = kLibraryNames;
  plugin.python_locations = kPythonLocations;
  return plugin;
}
constexpr triune_runtime_plugin kPlugin = MakePlugin();

}  // namespace

extern "C" __attribute__((visibility("default"))) const triune_runtime_plugin* triune_runtime_plugin_get(void) {
  return &kPlugin;
}
