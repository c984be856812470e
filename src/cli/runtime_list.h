// The pinned runtimes of deps/runtimes.json, compiled in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "triune/status.h"

namespace triune::cli {

/// A wheel for one platform.
struct PinnedWheel {
  std::string platform;  ///< "linux-x86_64"
  std::string file;      ///< "onnxruntime-1.32.0-cp311-cp311-manylinux_2_28_x86_64.whl"
  std::string sha256;    ///< 64 hex digits, lower case.
};

struct PinnedRuntime {
  std::string name;     ///< "onnx"
  std::string package;  ///< On the Python package index: "onnxruntime".
  std::string version;
  std::string library;  ///< Inside the wheel.
  std::vector<PinnedWheel> wheels;

  /// The wheel for this machine; null when there is none.
  const PinnedWheel* WheelForThisMachine() const;
};

/// Reads the JSON of deps/runtimes.json. InvalidArgument when it is malformed.
Result<std::vector<PinnedRuntime>> ParseRuntimeList(std::string_view json);

/// The list that this binary was built with.
std::string_view BuiltInRuntimeList();

/// The entry with that name and, when `version` is not empty, that version. NotFound says which there are.
Result<PinnedRuntime> FindPinnedRuntime(const std::vector<PinnedRuntime>& list, std::string_view name,
                                        std::string_view version);

/// "linux-x86_64".
std::string_view ThisPlatform();

}  // namespace triune::cli
