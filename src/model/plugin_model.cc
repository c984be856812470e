#include "model/plugin_model.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "telemetry/log.h"

/// The host's side of a call: where the outputs go. In the global namespace, as the C header declares it.
struct triune_response {
  std::span<const uint32_t> asked;                  ///< Numbers in the signature, in the order asked for.
  std::span<uint8_t> delivered;                     ///< By position in `asked`.
  triune::ReusableVector<triune::Tensor>* outputs;  ///< In the order of `asked`.
};

namespace triune::model {
namespace {

/// Data of an empty tensor: plug-ins never see a null pointer.
alignas(Buffer::kAlignment) constexpr std::array<std::byte, Buffer::kAlignment> kNothing{};

static_assert(TRIUNE_MAX_RANK == Shape::kMaxRank);
static_assert(TRIUNE_BF16 == static_cast<int>(DType::kBf16) && kDTypeCount == TRIUNE_BF16 + 1);

/// The tensor for output number `index`, with dtype and shape set. Null when the plug-in may not deliver that.
Tensor* OutputSlot(triune_response* response, uint32_t index, triune_dtype dtype, uint32_t rank, const int64_t* dims) {
  if (rank > Shape::kMaxRank || static_cast<unsigned>(dtype) >= kDTypeCount) return nullptr;
  for (size_t i = 0; i < response->asked.size(); ++i) {
    if (response->asked[i] != index) continue;
    if (response->delivered[i] != 0) return nullptr;
    response->delivered[i] = 1;
    Tensor& tensor = (*response->outputs)[i];
    tensor.dtype = static_cast<DType>(dtype);
    tensor.shape = Shape(std::span(dims, rank));
    return &tensor;
  }
  return nullptr;
}

void* AllocateOutput(triune_response* response, uint32_t index, triune_dtype dtype, uint32_t rank, const int64_t* dims,
                     size_t size) noexcept {
  try {
    Tensor* tensor = OutputSlot(response, index, dtype, rank, dims);
    if (tensor == nullptr) return nullptr;
    tensor->data = Buffer::Allocate(size);
    return tensor->data.mutable_data();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

int AdoptOutput(triune_response* response, uint32_t index, triune_dtype dtype, uint32_t rank, const int64_t* dims,
                const void* data, size_t size, void* owner, void (*release)(void*)) noexcept {
  try {
    if (Tensor* tensor = OutputSlot(response, index, dtype, rank, dims); tensor != nullptr) {
      tensor->data = Buffer::Adopt(data, size, owner, release);
      return 0;
    }
  } catch (const std::bad_alloc&) {
  }
  release(owner);
  return 1;
}

void LogFromPlugin(int level, const char* message) noexcept {
  using telemetry::LogLevel;
  LogLevel log_level = level <= 0   ? LogLevel::kDebug
                       : level == 1 ? LogLevel::kInfo
                       : level == 2 ? LogLevel::kWarning
                                    : LogLevel::kError;
  try {
    telemetry::Log(log_level, "runtime message", {{"message", message}});
  } catch (const std::exception&) {  // nobody to tell
  }
}

/// Arrays of a call, kept by the thread for the next one.
struct CallArrays {
  std::vector<triune_tensor> inputs;
  std::vector<uint32_t> outputs;
  std::vector<uint8_t> delivered;
  std::vector<Buffer> aligned;  ///< Copies of inputs that were not aligned to their elements.
};
thread_local CallArrays call_arrays;

/// Data of the tensor, aligned to its elements: clients may place binary tensors anywhere in a body.
const void* AlignedData(const Tensor& tensor, std::vector<Buffer>& copies) {
  const std::byte* data = tensor.data.data();
  if (data == nullptr) return kNothing.data();
  size_t alignment = DTypeSize(tensor.dtype);
  if (alignment < 2 || reinterpret_cast<uintptr_t>(data) % alignment == 0) [[likely]]
    return data;
  return copies.emplace_back(Buffer::CopyOf(tensor.data.bytes())).data();
}

Result<TensorSpec> ReadSpec(const triune_tensor_spec& spec) {
  if (spec.name == nullptr || spec.rank > Shape::kMaxRank || static_cast<unsigned>(spec.dtype) >= kDTypeCount) {
    return Internal(StrCat("plug-in describes a tensor wrongly: rank ", spec.rank, ", dtype ", int{spec.dtype}));
  }
  TensorSpec result;
  result.name = spec.name;
  result.dtype = static_cast<DType>(spec.dtype);
  result.accepted = DTypeSet::FromBits(spec.accepted_dtypes) | result.dtype;
  result.shape = Shape(std::span(spec.dims, spec.rank));
  result.optional = spec.optional != 0;
  result.any_name = spec.any_name != 0;
  result.any_shape = spec.any_shape != 0;
  return result;
}

}  // namespace

Result<Signature> ReadSignature(const triune_signature& signature) {
  Signature result;
  for (const auto& input : std::span(signature.inputs, signature.input_count)) {
    TRIUNE_ASSIGN_OR_RETURN(TensorSpec spec, ReadSpec(input));
    result.inputs.push_back(std::move(spec));
  }
  for (const auto& output : std::span(signature.outputs, signature.output_count)) {
    TRIUNE_ASSIGN_OR_RETURN(TensorSpec spec, ReadSpec(output));
    result.outputs.push_back(std::move(spec));
  }
  result.platform = signature.platform != nullptr ? signature.platform : "";
  return result;
}

const triune_host& PluginHost() {
  static constexpr triune_host kHost = {.abi = TRIUNE_RUNTIME_ABI,
                                        .output_allocate = &AllocateOutput,
                                        .output_adopt = &AdoptOutput,
                                        .log = &LogFromPlugin};
  return kHost;
}

Result<std::unique_ptr<Model>> PluginModel::Make(std::shared_ptr<const PluginRuntime> runtime,
                                                 const triune_runtime_plugin* plugin, triune_model* model) {
  std::unique_ptr<PluginModel> result(new PluginModel(std::move(runtime), plugin, model));
  TRIUNE_ASSIGN_OR_RETURN(Signature signature, ReadSignature(*plugin->model_signature(model)));
  result->signature_ = std::move(signature);
  return std::unique_ptr<Model>(std::move(result));
}

PluginModel::~PluginModel() { plugin_->model_unload(model_); }

Status PluginModel::Infer(const InferenceRequest& request, InferenceResponse& response) {
  CallArrays& arrays = call_arrays;
  arrays.inputs.clear();
  arrays.outputs.clear();
  for (size_t i = 0; i < request.inputs.size(); ++i) {
    const Tensor& tensor = request.inputs[i];
    arrays.inputs.push_back({.index = static_cast<uint32_t>(request.input_index[i]),
                             .dtype = static_cast<triune_dtype>(tensor.dtype),
                             .rank = static_cast<uint32_t>(tensor.shape.rank()),
                             .dims = tensor.shape.dims().data(),
                             .data = AlignedData(tensor, arrays.aligned),
                             .size = tensor.data.size()});
  }
  for (const RequestedOutput& output : request.outputs) arrays.outputs.push_back(static_cast<uint32_t>(output.index));
  if (request.outputs.empty()) {
    for (uint32_t i = 0; i < signature_.outputs.size(); ++i) arrays.outputs.push_back(i);
  }
  arrays.delivered.assign(arrays.outputs.size(), 0);
  response.outputs.Clear();
  for (uint32_t index : arrays.outputs) response.outputs.Add().name = signature_.outputs[index].name;

  triune_response sink{arrays.outputs, arrays.delivered, &response.outputs};
  triune_error error;
  int code = plugin_->model_infer(model_, arrays.inputs.data(), static_cast<uint32_t>(arrays.inputs.size()),
                                  arrays.outputs.data(), static_cast<uint32_t>(arrays.outputs.size()), &sink, &error);
  arrays.aligned.clear();
  if (code != 0) [[unlikely]] {
    response.outputs.Clear();
    return PluginStatus(code, error);
  }
  for (size_t i = 0; i < arrays.outputs.size(); ++i) {
    if (arrays.delivered[i] == 0) [[unlikely]] {
      return Internal("plug-in did not deliver an output: " + signature_.outputs[arrays.outputs[i]].name);
    }
  }
  return {};
}

}  // namespace triune::model
