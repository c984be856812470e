// A loaded ONNX model.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>

#include "adapters/runtimes/onnx/onnx_bound_call.h"
#include "adapters/runtimes/onnx/onnx_library.h"
#include "adapters/runtimes/onnx/onnx_mapped_files.h"
#include "adapters/runtimes/onnx/onnx_signature.h"

namespace triune::onnx {

/// Thread-safe: Infer may run on several threads at once.
class OnnxModel {
 public:
  static Result<std::unique_ptr<OnnxModel>> Load(const OnnxLibrary& library, const triune_model_config& config);
  ~OnnxModel();
  OnnxModel(const OnnxModel&) = delete;
  OnnxModel& operator=(const OnnxModel&) = delete;

  const triune_signature& signature() const { return signature_.get(); }
  /// The size of the model file and of the weights outside: all weights, nearly. The library does not say what it
  /// holds.
  uint64_t memory_bytes() const { return memory_bytes_; }

  /// Small calls whose outputs always have the same shape go through the pool of bound calls; all others make their
  /// values over the caller's memory and hand out the memory that ONNX Runtime made.
  Status Infer(const Call& call, triune_response* response);

 private:
  explicit OnnxModel(const OnnxLibrary& library) : library_(library) {}
  Status InferUnbound(const Call& call, triune_response* response, bool bind_next);

  const OnnxLibrary& library_;
  /// Taken by the destructor; stands before the session, so that it goes after it.
  std::optional<SessionLock> release_lock_;
  SessionPtr session_;
  OnnxSignature signature_;
  uint64_t memory_bytes_ = 0;
  /// Cleared when the shape of an output turns out to depend on the data.
  std::atomic<bool> may_bind_{true};
  BoundCallPool bound_calls_;
};

}  // namespace triune::onnx
