// Small calls with everything made beforehand: a third faster than making the values for each call.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "adapters/runtimes/onnx/onnx_library.h"
#include "adapters/runtimes/onnx/onnx_signature.h"
#include "adapters/runtimes/plugin_boundary.h"

namespace triune::onnx {

using plugin::Call;

/// A session's IoBinding with values over memory of its own, for calls of one shape: inputs are copied in, outputs
/// copied out, and ONNX Runtime makes nothing but what its operators need. Thread-compatible.
class BoundCall {
 public:
  /// Larger calls gain nothing: the copies would cost more than the values.
  static constexpr size_t kMostBytes = 16U << 10U;

  static bool IsSmallEnough(const Call& shape);
  /// Null when the outputs (those of a call of that shape, as ONNX Runtime made them) are too large or are strings.
  static Result<std::unique_ptr<BoundCall>> Make(const OnnxLibrary& library, OrtSession* session,
                                                 const OnnxSignature& signature, const Call& shape,
                                                 std::span<OrtValue* const> outputs);

  bool Fits(const Call& shape) const;
  /// Fails also when the outputs of this call have other shapes than those it was made with.
  Status Run(std::span<const triune_tensor> inputs);
  /// The outputs of the last Run.
  Status Deliver(triune_response* response) const;

 private:
  struct Port {
    uint32_t index = 0;
    triune_dtype dtype = TRIUNE_FP32;
    std::vector<int64_t> dims;
    size_t size = 0;
    size_t offset = 0;
  };
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };

  BoundCall(const OnnxLibrary& library, OrtSession* session) : library_(library), session_(session) {}
  Status Bind(const OnnxSignature& signature);
  Result<OrtValue*> MakeValue(const Port& port);
  char* At(const Port& port) const { return memory_.get() + port.offset; }

  const OnnxLibrary& library_;
  OrtSession* session_;
  std::vector<Port> inputs_;
  std::vector<Port> outputs_;
  std::unique_ptr<char, Free> memory_;
  std::vector<ValuePtr> values_;
  IoBindingPtr binding_;
};

/// Idle bound calls of one model. Bounded: at most kMostIdle are kept. Thread-safe.
class BoundCallPool {
 public:
  static constexpr size_t kMostIdle = 32;

  BoundCallPool() { idle_.reserve(kMostIdle); }
  /// The one used last that fits; null when there is none.
  std::unique_ptr<BoundCall> Take(const Call& shape);
  void Give(std::unique_ptr<BoundCall> call);
  /// After a Take that found nothing: whether it is worth making one. A full pool of other shapes gives way slowly,
  /// so that ever changing shapes do not pay for calls that are never used again.
  bool WantsAnother();

 private:
  static constexpr unsigned kMissesPerEviction = 64;

  std::mutex mutex_;
  std::vector<std::unique_ptr<BoundCall>> idle_;  ///< Used last: at the back.
  unsigned misses_ = 0;
};

}  // namespace triune::onnx
