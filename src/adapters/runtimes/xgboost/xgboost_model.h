// A loaded XGBoost model.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "adapters/runtimes/plugin_boundary.h"
#include "adapters/runtimes/xgboost/xgboost_library.h"
#include "triune/runtime.h"

namespace triune::xgboost {

/// Answers as Python's Booster.predict(DMatrix(x)) does, which is what KServe's xgbserver calls: all trees, also those
/// after the best iteration of early stopping; NaN is a missing value, infinity an error. Parameters, with their
/// defaults:
///   nthread=1            threads of one call; 0: one per core
///   output_margin=false  answer the untransformed margin
///   iteration_begin=0, iteration_end=0   the trees of these rounds only; 0,0: all
/// Thread-safe: Infer may run on several threads at once.
class XgboostModel {
 public:
  static Result<std::unique_ptr<XgboostModel>> Load(const XgboostLibrary& library, const triune_model_config& config);
  ~XgboostModel();
  XgboostModel(const XgboostModel&) = delete;
  XgboostModel& operator=(const XgboostModel&) = delete;

  /// input-0 [-1, features], of any name; output-0 FP32 [-1] or [-1, classes].
  const triune_signature& signature() const { return signature_; }
  /// The size of the model file; the library does not say what it holds.
  uint64_t memory_bytes() const { return memory_bytes_; }

  /// Of one input and one output; the host has checked that they are there.
  Status Infer(const plugin::Call& call, triune_response* response);

 private:
  struct Prediction {
    const float* data = nullptr;
    uint32_t rank = 0;
    std::array<int64_t, TRIUNE_MAX_RANK> dims{};
    size_t count = 0;
  };

  explicit XgboostModel(const XgboostLibrary& library) : library_(library) {}
  Status Configure(const triune_model_config& config);
  /// Predicts one row: finds out the shape of the output, and makes the library finish its own lazy set-up, which is
  /// not thread-safe.
  Status WarmUp();
  Status Predict(const triune_tensor& input, Prediction* prediction);
  /// Trees predict from the caller's memory. The linear booster can't, and DART rounds differently there.
  Status FindOutWhetherInPlace();
  /// For boosters that don't predict in place. The result is valid while mutex_ is held.
  Status PredictCopied(const char* values, Prediction* prediction);
  void FillSignature();
  static Status ReadPrediction(const uint64_t* shape, uint64_t rank, const float* data, Prediction* prediction);
  Status Deliver(const Prediction& prediction, triune_response* response) const;

  const XgboostLibrary& library_;
  BoosterHandle booster_ = nullptr;
  std::string predict_config_;
  bool in_place_ = true;
  std::mutex mutex_;
  uint64_t memory_bytes_ = 0;
  std::array<int64_t, 2> input_dims_{};
  std::vector<int64_t> output_dims_;
  triune_tensor_spec input_{};
  triune_tensor_spec output_{};
  triune_signature signature_{};
};

}  // namespace triune::xgboost
