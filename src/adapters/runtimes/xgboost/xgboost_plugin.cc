// The plug-in interface over XGBoost.
#include "adapters/runtimes/plugin_functions.h"
#include "adapters/runtimes/xgboost/xgboost_file.h"
#include "adapters/runtimes/xgboost/xgboost_library.h"
#include "adapters/runtimes/xgboost/xgboost_model.h"
#include "triune/runtime.h"

namespace {

constexpr const char* kFormats[] = {"xgboost", nullptr};
// model.bst is the name that KServe asks for.
constexpr const char* kModelFiles[] = {"model.bst", "model.ubj", "model.json", "*.bst", "*.ubj", "*.json", nullptr};
constexpr const char* kLibraryNames[] = {"libxgboost.so*", nullptr};
constexpr const char* kPythonLocations[] = {"xgboost/lib/libxgboost.so*", nullptr};

int ModelProbe(const char* path) {
  triune_error error;
  bool looks_like_model = false;
  int code = triune::plugin::Guard(&error, [&]() -> triune::Status {
    looks_like_model = triune::xgboost::LooksLikeModel(path);
    return {};
  });
  return code == 0 && looks_like_model ? 1 : 0;
}

constexpr triune_runtime_plugin MakePlugin() {
  auto plugin = triune::plugin::Functions<triune::xgboost::XgboostLibrary, triune::xgboost::XgboostModel>();
  plugin.name = "xgboost";
  plugin.title = "XGBoost";
  plugin.formats = kFormats;
  plugin.model_files = kModelFiles;
  plugin.library_names = kLibraryNames;
  plugin.python_locations = kPythonLocations;
  plugin.model_probe = &ModelProbe;
  return plugin;
}
constexpr triune_runtime_plugin kPlugin = MakePlugin();

}  // namespace

extern "C" __attribute__((visibility("default"))) const triune_runtime_plugin* triune_runtime_plugin_get(void) {
  return &kPlugin;
}
