// Where the rest of the server gets its runtimes from.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "model/runtime.h"
#include "triune/status.h"

namespace triune::model {

/// A model on disk: which file of a folder, in which format.
struct DetectedModel {
  std::string path;
  std::string format;
};

/// Thread-safe. The runtimes that it hands out may outlive it.
class RuntimeCatalog {
 public:
  virtual ~RuntimeCatalog() = default;
  /// The runtime that loads `format`, opened on first use. NotFound: no runtime knows the format (says which are
  /// known), or its library is missing (says where it was looked for and how to install it). FailedPrecondition: a
  /// library is there but can't be used.
  virtual Result<std::shared_ptr<ModelRuntime>> ForFormat(std::string_view format) = 0;
  /// Finds the model file in `path` (a file, or a folder; also a folder with one sub-folder per version, of which the
  /// highest number is taken) and its format, from the runtimes' file names or, when `format` is not empty, only those
  /// of its runtime. Opens no library. NotFound when there is nothing at `path`; InvalidArgument when the format is not
  /// recognised: names the files found and what is known.
  virtual Result<DetectedModel> Detect(const std::string& path, std::string_view format) = 0;
};

}  // namespace triune::model
