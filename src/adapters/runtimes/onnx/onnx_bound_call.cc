#include "adapters/runtimes/onnx/onnx_bound_call.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "adapters/runtimes/onnx/onnx_value.h"
#include "base/strings.h"

namespace triune::onnx {
namespace {

constexpr size_t kAlignment = 64;

size_t RoundUp(size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

bool BoundCall::IsSmallEnough(const Call& shape) {
  size_t total = 0;
  for (const triune_tensor& input : shape.inputs) {
    if (input.dtype == TRIUNE_BYTES) return false;
    total += input.size;
    if (total > kMostBytes) return false;
  }
  return true;
}

Result<std::unique_ptr<BoundCall>> BoundCall::Make(const OnnxLibrary& library, OrtSession* session,
                                                   const OnnxSignature& signature, const Call& shape,
                                                   std::span<OrtValue* const> outputs) {
  std::unique_ptr<BoundCall> call(new BoundCall(library, session));
  size_t offset = 0;
  for (const triune_tensor& input : shape.inputs) {
    call->inputs_.push_back({input.index, input.dtype, {input.dims, input.dims + input.rank}, input.size, offset});
    offset += RoundUp(input.size);
  }
  size_t output_bytes = 0;
  for (size_t i = 0; i < outputs.size(); ++i) {
    ValueShape value;
    TRIUNE_RETURN_IF_ERROR(ReadShape(library, outputs[i], &value));
    output_bytes += value.size;
    if (value.dtype == TRIUNE_BYTES || output_bytes > kMostBytes) return std::unique_ptr<BoundCall>();
    call->outputs_.push_back(
        {shape.outputs[i], value.dtype, {value.dims.data(), value.dims.data() + value.rank}, value.size, offset});
    offset += RoundUp(value.size);
  }
  call->memory_.reset(static_cast<char*>(std::aligned_alloc(kAlignment, offset + kAlignment)));
  if (call->memory_ == nullptr) throw std::bad_alloc();
  TRIUNE_RETURN_IF_ERROR(call->Bind(signature));
  return call;
}

Result<OrtValue*> BoundCall::MakeValue(const Port& port) {
  OrtValue* value = nullptr;
  TRIUNE_RETURN_IF_ERROR(library_.Check(
      library_.api.CreateTensorWithDataAsOrtValue(library_.cpu_memory.get(), At(port), port.size, port.dims.data(),
                                                  port.dims.size(), ToElementType(port.dtype), &value)));
  values_.push_back(library_.Own<ValuePtr>(value));
  return value;
}

Status BoundCall::Bind(const OnnxSignature& signature) {
  const OrtApi& api = library_.api;
  OrtIoBinding* binding = nullptr;
  TRIUNE_RETURN_IF_ERROR(library_.Check(api.CreateIoBinding(session_, &binding)));
  binding_ = library_.Own<IoBindingPtr>(binding);
  for (const Port& port : inputs_) {
    TRIUNE_ASSIGN_OR_RETURN(OrtValue * value, MakeValue(port));
    TRIUNE_RETURN_IF_ERROR(library_.Check(api.BindInput(binding, signature.input_name(port.index), value)));
  }
  for (const Port& port : outputs_) {
    TRIUNE_ASSIGN_OR_RETURN(OrtValue * value, MakeValue(port));
    TRIUNE_RETURN_IF_ERROR(library_.Check(api.BindOutput(binding, signature.output_name(port.index), value)));
  }
  return {};
}

bool BoundCall::Fits(const Call& shape) const {
  if (shape.inputs.size() != inputs_.size() || shape.outputs.size() != outputs_.size()) return false;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const triune_tensor& input = shape.inputs[i];
    const Port& port = inputs_[i];
    if (input.index != port.index || input.dtype != port.dtype || input.size != port.size) return false;
    if (!std::equal(input.dims, input.dims + input.rank, port.dims.begin(), port.dims.end())) return false;
  }
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (shape.outputs[i] != outputs_[i].index) return false;
  }
  return true;
}

Status BoundCall::Run(std::span<const triune_tensor> inputs) {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs[i].size > 0) std::memcpy(At(inputs_[i]), inputs[i].data, inputs[i].size);
  }
  return library_.Check(library_.api.RunWithBinding(session_, library_.run_options.get(), binding_.get()));
}

Status BoundCall::Deliver(triune_response* response) const {
  for (const Port& port : outputs_) {
    void* out = library_.host->output_allocate(response, port.index, port.dtype,
                                               static_cast<uint32_t>(port.dims.size()), port.dims.data(), port.size);
    if (out == nullptr) return ResourceExhausted(StrCat("no memory for an output of ", port.size, " bytes"));
    if (port.size > 0) std::memcpy(out, At(port), port.size);
  }
  return {};
}

std::unique_ptr<BoundCall> BoundCallPool::Take(const Call& shape) {
  std::lock_guard lock(mutex_);
  for (size_t i = idle_.size(); i-- > 0;) {
    if (!idle_[i]->Fits(shape)) continue;
    std::unique_ptr<BoundCall> call = std::move(idle_[i]);
    idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(i));
    return call;
  }
  return nullptr;
}

void BoundCallPool::Give(std::unique_ptr<BoundCall> call) {
  std::unique_ptr<BoundCall> evicted;  // destroyed outside the lock
  std::lock_guard lock(mutex_);
  if (idle_.size() == kMostIdle) {
    evicted = std::move(idle_.front());
    idle_.erase(idle_.begin());
  }
  idle_.push_back(std::move(call));
}

bool BoundCallPool::WantsAnother() {
  std::lock_guard lock(mutex_);
  return idle_.size() < kMostIdle || ++misses_ % kMissesPerEviction == 0;
}

}  // namespace triune::onnx
