#include "adapters/runtimes/xgboost/xgboost_model.h"

#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "adapters/runtimes/plugin_boundary.h"
#include "adapters/runtimes/xgboost/xgboost_check.h"
#include "adapters/runtimes/xgboost/xgboost_file.h"
#include "adapters/runtimes/xgboost/xgboost_finite.h"
#include "base/strings.h"

namespace triune::xgboost {
namespace {

constexpr int kMostThreads = 1024;
constexpr int kMostRounds = 1 << 30;

/// Of the array interface (numpy's protocol), by triune_dtype. Null: XGBoost does not take it. Booleans travel as
/// bytes, as in XGBoost's Python package.
constexpr std::array<const char*, 14> kTypeStrings = {"|u1", "|u1", "<u2",   "<u4", "<u8", "|i1",   "<i2",
                                                      "<i4", "<i8", nullptr, "<f4", "<f8", nullptr, nullptr};

uint32_t AcceptedDtypes() {
  uint32_t bits = 0;
  for (size_t i = 0; i < kTypeStrings.size(); ++i) {
    if (kTypeStrings[i] != nullptr) bits |= 1U << i;
  }
  return bits;
}

/// Longest: two 20-digit numbers more than the fixed text.
using ArrayText = std::array<char, 160>;

/// The tensor as the JSON that XGBoost reads arrays from.
ArrayText DescribeArray(const triune_tensor& tensor) {
  ArrayText text;
  std::snprintf(text.data(), text.size(),
                R"({"data":[%)" PRIuPTR R"(,true],"shape":[%)" PRId64 ",%" PRId64 R"(],"typestr":"%s","version":3})",
                reinterpret_cast<uintptr_t>(tensor.data), tensor.dims[0], tensor.dims[1],
                kTypeStrings[static_cast<size_t>(tensor.dtype)]);
  return text;
}

/// A proxy matrix points XGBoost to memory of ours. Making one costs as much as a small prediction, so each thread
/// keeps one, for all models.
class Proxy {
 public:
  Proxy() = default;
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;
  ~Proxy() {
    if (handle_ != nullptr) free_(handle_);
  }
  Result<DMatrixHandle> Get(const XgboostLibrary& library) {
    // Another library of the process (a test, an upgrade) cannot use it.
    if (handle_ != nullptr && free_ == library.api.XGDMatrixFree) [[likely]]
      return handle_;
    if (handle_ != nullptr) free_(handle_);
    handle_ = nullptr;
    TRIUNE_RETURN_IF_ERROR(library.Check(library.api.XGProxyDMatrixCreate(&handle_)));
    free_ = library.api.XGDMatrixFree;
    return handle_;
  }

 private:
  DMatrixHandle handle_ = nullptr;
  int (*free_)(DMatrixHandle) = nullptr;
};
thread_local Proxy thread_proxy;

}  // namespace

Result<std::unique_ptr<XgboostModel>> XgboostModel::Load(const XgboostLibrary& library,
                                                         const triune_model_config& config) {
  TRIUNE_ASSIGN_OR_RETURN(std::string content, ReadModelFile(config.path));
  TRIUNE_RETURN_IF_ERROR(
      CheckModel(content, library.old_vectors).WithContext(StrCat("not a sound XGBoost model: ", config.path)));
  std::unique_ptr<XgboostModel> model(new XgboostModel(library));
  const XgboostApi& api = library.api;
  TRIUNE_RETURN_IF_ERROR(library.Check(api.XGBoosterCreate(nullptr, 0, &model->booster_)));
  TRIUNE_RETURN_IF_ERROR(library
                             .Check(api.XGBoosterLoadModelFromBuffer(model->booster_, content.data(), content.size()),
                                    StatusCode::kInvalidArgument)
                             .WithContext(StrCat("not a model of XGBoost ", library.version, ": ", config.path)));
  model->memory_bytes_ = content.size();
  TRIUNE_RETURN_IF_ERROR(model->Configure(config));
  TRIUNE_RETURN_IF_ERROR(model->WarmUp());
  model->FillSignature();
  return model;
}

XgboostModel::~XgboostModel() {
  if (booster_ != nullptr) library_.api.XGBoosterFree(booster_);
}

Status XgboostModel::Configure(const triune_model_config& config) {
  int threads = 1;
  int begin = 0;
  int end = 0;
  bool margin = false;
  plugin::ParameterReader reader(config);
  TRIUNE_RETURN_IF_ERROR(reader.Int("nthread", 0, kMostThreads, &threads));
  TRIUNE_RETURN_IF_ERROR(reader.Bool("output_margin", &margin));
  TRIUNE_RETURN_IF_ERROR(reader.Int("iteration_begin", 0, kMostRounds, &begin));
  TRIUNE_RETURN_IF_ERROR(reader.Int("iteration_end", 0, kMostRounds, &end));
  TRIUNE_RETURN_IF_ERROR(reader.Finish());
  predict_config_ = StrCat(R"({"type":)", margin ? 1 : 0, R"(,"training":false,"iteration_begin":)", begin,
                           R"(,"iteration_end":)", end, R"(,"missing":NaN,"cache_id":0,"strict_shape":false})");
  const XgboostApi& api = library_.api;
  TRIUNE_RETURN_IF_ERROR(library_.Check(api.XGBoosterSetParam(booster_, "nthread", std::to_string(threads).c_str())));
  uint64_t features = 0;
  TRIUNE_RETURN_IF_ERROR(library_.Check(api.XGBoosterGetNumFeature(booster_, &features)));
  input_dims_ = {-1, static_cast<int64_t>(features)};
  return {};
}

Status XgboostModel::WarmUp() {
  std::vector<float> row(static_cast<size_t>(input_dims_[1]));
  std::array<int64_t, 2> dims = {1, input_dims_[1]};
  triune_tensor input{.index = 0,
                      .dtype = TRIUNE_FP32,
                      .rank = 2,
                      .dims = dims.data(),
                      .data = row.data(),
                      .size = row.size() * sizeof(float)};
  TRIUNE_RETURN_IF_ERROR(FindOutWhetherInPlace());
  std::lock_guard lock(mutex_);
  Prediction prediction;
  Status status = in_place_ ? Predict(input, &prediction) : PredictCopied(DescribeArray(input).data(), &prediction);
  // A model that cannot predict at all is at fault, or its parameters are.
  if (!status.ok()) return InvalidArgument(std::string(status.message()));
  output_dims_.assign(prediction.dims.begin(), prediction.dims.begin() + prediction.rank);
  if (!output_dims_.empty()) output_dims_[0] = -1;
  return {};
}

Status XgboostModel::FindOutWhetherInPlace() {
  uint64_t size = 0;
  const char* config = nullptr;
  TRIUNE_RETURN_IF_ERROR(library_.Check(library_.api.XGBoosterSaveJsonConfig(booster_, &size, &config)));
  std::string_view text(config, size);
  // The configuration of DART contains one of gbtree.
  in_place_ = text.find(R"("name":"gbtree")") != text.npos && text.find(R"("name":"dart")") == text.npos;
  return {};
}

void XgboostModel::FillSignature() {
  input_.name = "input-0";
  input_.dtype = TRIUNE_FP32;
  input_.accepted_dtypes = AcceptedDtypes();
  input_.rank = 2;
  input_.dims = input_dims_.data();
  input_.any_name = 1;
  output_.name = "output-0";
  output_.dtype = TRIUNE_FP32;
  output_.rank = static_cast<uint32_t>(output_dims_.size());
  output_.dims = output_dims_.data();
  signature_ = {.inputs = &input_, .input_count = 1, .outputs = &output_, .output_count = 1, .platform = "xgboost"};
}

Status XgboostModel::ReadPrediction(const uint64_t* shape, uint64_t rank, const float* data, Prediction* prediction) {
  if (rank > TRIUNE_MAX_RANK) return Unimplemented(StrCat("output has too many dimensions: ", rank));
  prediction->data = data;
  prediction->rank = static_cast<uint32_t>(rank);
  prediction->count = 1;
  for (uint64_t i = 0; i < rank; ++i) {
    prediction->dims[i] = static_cast<int64_t>(shape[i]);
    prediction->count *= shape[i];
  }
  return {};
}

Status XgboostModel::Predict(const triune_tensor& input, Prediction* prediction) {
  TRIUNE_ASSIGN_OR_RETURN(DMatrixHandle proxy, thread_proxy.Get(library_));
  const uint64_t* shape = nullptr;
  uint64_t rank = 0;
  const float* data = nullptr;
  TRIUNE_RETURN_IF_ERROR(library_.Check(library_.api.XGBoosterPredictFromDense(
      booster_, DescribeArray(input).data(), predict_config_.c_str(), proxy, &shape, &rank, &data)));
  return ReadPrediction(shape, rank, data, prediction);
}

Status XgboostModel::PredictCopied(const char* values, Prediction* prediction) {
  const XgboostApi& api = library_.api;
  DMatrixHandle matrix = nullptr;
  TRIUNE_RETURN_IF_ERROR(library_.Check(api.XGDMatrixCreateFromDense(values, R"({"missing":NaN,"nthread":1})", &matrix),
                                        StatusCode::kInvalidArgument));
  const uint64_t* shape = nullptr;
  uint64_t rank = 0;
  const float* data = nullptr;
  Status status =
      library_.Check(api.XGBoosterPredictFromDMatrix(booster_, matrix, predict_config_.c_str(), &shape, &rank, &data));
  if (status.ok()) status = ReadPrediction(shape, rank, data, prediction);
  api.XGDMatrixFree(matrix);
  return status;
}

Status XgboostModel::Infer(const plugin::Call& call, triune_response* response) {
  const triune_tensor& input = call.inputs[0];
  TRIUNE_RETURN_IF_ERROR(CheckFinite(input));
  Prediction prediction;
  if (input.dims[0] == 0) {
    // XGBoost takes no empty arrays.
    prediction.rank = output_.rank;
    for (size_t i = 0; i < output_dims_.size(); ++i) prediction.dims[i] = i == 0 ? 0 : output_dims_[i];
    return Deliver(prediction, response);
  }
  if (in_place_) [[likely]] {
    TRIUNE_RETURN_IF_ERROR(Predict(input, &prediction));
    return Deliver(prediction, response);
  }
  std::lock_guard lock(mutex_);
  TRIUNE_RETURN_IF_ERROR(PredictCopied(DescribeArray(input).data(), &prediction));
  return Deliver(prediction, response);
}

Status XgboostModel::Deliver(const Prediction& prediction, triune_response* response) const {
  size_t size = prediction.count * sizeof(float);
  void* out = library_.host->output_allocate(response, 0, TRIUNE_FP32, prediction.rank, prediction.dims.data(), size);
  if (out == nullptr) return ResourceExhausted(StrCat("no memory for an output of ", size, " bytes"));
  if (size > 0) std::memcpy(out, prediction.data, size);
  return {};
}

}  // namespace triune::xgboost
