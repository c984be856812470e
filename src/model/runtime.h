// Model runtimes and the models they load.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/inference.h"
#include "model/signature.h"
#include "triune/status.h"

namespace triune::model {

/// What to load.
struct ModelSource {
  std::string name;    ///< For messages.
  std::string path;    ///< A file, or a folder in which the runtime looks for files that it knows.
  std::string format;  ///< "onnx", "xgboost": one of the runtime's.
  std::vector<std::pair<std::string, std::string>> parameters;
};

/// A loaded model; the destructor unloads it. Thread-safe: Infer may run on several threads at once.
class Model {
 public:
  virtual ~Model() = default;
  virtual const Signature& signature() const = 0;
  /// One batch in, one out. The request has passed CheckRequest; the outputs land in `response` in the order that the
  /// request asks for (all, in the signature's order, when it names none).
  virtual Status Infer(const InferenceRequest& request, InferenceResponse& response) = 0;
  /// Bytes that the model holds now, as far as its runtime can tell; 0 when it can't.
  virtual uint64_t MemoryBytes() const = 0;
};

/// A library that runs models of some formats. Lives as long as its models. Thread-safe.
class ModelRuntime {
 public:
  virtual ~ModelRuntime() = default;
  virtual std::string_view name() const = 0;          ///< "onnx"
  virtual std::string_view version() const = 0;       ///< Of the library: "1.32.0"
  virtual std::string_view library_path() const = 0;  ///< Where it was found.
  virtual const std::vector<std::string>& formats() const = 0;
  virtual Result<std::unique_ptr<Model>> Load(const ModelSource& source) = 0;
};

}  // namespace triune::model
