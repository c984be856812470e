// Which file of a folder is the model, and in which format.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "model/runtime_catalog.h"
#include "triune/runtime.h"
#include "triune/status.h"

namespace triune::model {

/// See RuntimeCatalog::Detect. Of several files, the one wins whose whole name its plug-in lists first ("model.onnx").
/// InvalidArgument, naming the files, when several are left that only match patterns ("*.onnx"), as KServe has it, and
/// when files of different plug-ins tie: then it asks for the format.
Result<DetectedModel> DetectModel(std::span<const triune_runtime_plugin* const> plugins, const std::string& path,
                                  std::string_view format);

}  // namespace triune::model
