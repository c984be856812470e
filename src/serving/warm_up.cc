#include "serving/warm_up.h"

#include <cstring>

namespace triune::serving {
namespace {

/// More input than this is not worth a guess.
constexpr size_t kMostBytes = 64U << 20U;

bool FillWithZeros(const model::Signature& signature, model::InferenceRequest& request) {
  size_t total = 0;
  for (const model::TensorSpec& spec : signature.inputs) {
    if (spec.optional) continue;
    Tensor& tensor = request.inputs.Add();
    tensor.name = spec.name;
    tensor.dtype = spec.dtype;
    for (int64_t dim : spec.shape.dims()) tensor.shape.Append(dim < 0 ? 1 : dim);
    auto count = tensor.shape.ElementCount();
    // An empty string is its length alone: four zero bytes.
    size_t element = spec.dtype == DType::kBytes ? 4 : DTypeSize(spec.dtype);
    if (!count || static_cast<size_t>(*count) > kMostBytes / element) return false;
    size_t size = static_cast<size_t>(*count) * element;
    total += size;
    if (total > kMostBytes) return false;
    tensor.data = Buffer::Allocate(size);
    std::memset(tensor.data.mutable_data(), 0, size);
  }
  return CheckRequest(signature, request).ok();
}

}  // namespace

void WarmUp(model::Model& model, const Clock& clock, CallCost& costs) {
  model::InferenceRequest request;
  if (!FillWithZeros(model.signature(), request)) return;
  uint64_t bytes = 0;
  for (const Tensor& tensor : request.inputs) bytes += tensor.data.size();
  model::InferenceResponse response;
  // The first call pays for allocations that the later ones find ready; a long model is not called again.
  for (int i = 0; i < 3; ++i) {
    response.Clear();
    TimePoint start = clock.Now();
    if (!model.Infer(request, response).ok()) return;
    Duration took = clock.Now() - start;
    bool is_long = took > std::chrono::milliseconds(5);
    if (i > 0 || is_long) costs.Record(bytes, took);
    if (is_long) return;
  }
}

}  // namespace triune::serving
