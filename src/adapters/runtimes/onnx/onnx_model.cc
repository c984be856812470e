#include "adapters/runtimes/onnx/onnx_model.h"

#include <sys/stat.h>

#include <cstring>
#include <utility>
#include <vector>

#include "adapters/runtimes/onnx/onnx_options.h"
#include "adapters/runtimes/onnx/onnx_strings.h"
#include "adapters/runtimes/onnx/onnx_value.h"
#include "base/strings.h"

namespace triune::onnx {
namespace {

void ReleaseAdopted(void* owner) { OnnxLibrary::ReleaseAdopted(static_cast<OrtValue*>(owner)); }

/// Arrays of one call, kept by the thread for the next; releases the values of the call.
class CallArrays {
 public:
  explicit CallArrays(const OnnxLibrary& library) : library_(library) {}
  CallArrays(const CallArrays&) = delete;
  CallArrays& operator=(const CallArrays&) = delete;
  ~CallArrays() {
    for (OrtValue* value : memory_.inputs) library_.api.ReleaseValue(value);
    for (OrtValue* value : memory_.outputs) library_.api.ReleaseValue(value);
    memory_.Clear();
  }

  struct Memory {
    std::vector<const char*> input_names;
    std::vector<const char*> output_names;
    std::vector<OrtValue*> inputs;
    std::vector<OrtValue*> outputs;
    void Clear() {
      input_names.clear();
      output_names.clear();
      inputs.clear();
      outputs.clear();
    }
  };
  Memory* operator->() { return &memory_; }

 private:
  const OnnxLibrary& library_;
  static thread_local Memory memory_;
};
thread_local CallArrays::Memory CallArrays::memory_;

Result<OrtValue*> MakeInput(const OnnxLibrary& library, const triune_tensor& input) {
  if (input.dtype == TRIUNE_BYTES) {
    TRIUNE_ASSIGN_OR_RETURN(ValuePtr strings, MakeStringTensor(library, input));
    return strings.release();
  }
  OrtValue* value = nullptr;
  TRIUNE_RETURN_IF_ERROR(library.Check(
      library.api.CreateTensorWithDataAsOrtValue(library.cpu_memory.get(), const_cast<void*>(input.data), input.size,
                                                 input.dims, input.rank, ToElementType(input.dtype), &value)));
  return value;
}

/// A model whose output is one of its inputs hands the caller's own memory back, which is gone after the call.
bool IsInput(std::span<const triune_tensor> inputs, const void* data) {
  for (const triune_tensor& input : inputs) {
    if (data >= input.data && data < static_cast<const char*>(input.data) + input.size) return true;
  }
  return false;
}

/// Hands the value over when it can; sets it to null then.
Status Deliver(const OnnxLibrary& library, const Call& call, uint32_t index, OrtValue*& value,
               triune_response* response) {
  ValueShape shape;
  TRIUNE_RETURN_IF_ERROR(ReadShape(library, value, &shape));
  if (shape.dtype == TRIUNE_BYTES) {
    return DeliverStrings(library, value, index, shape.rank, shape.dims.data(), shape.element_count, response);
  }
  void* data = nullptr;
  TRIUNE_RETURN_IF_ERROR(library.Check(library.api.GetTensorMutableData(value, &data)));
  const triune_host& host = *library.host;
  if (IsInput(call.inputs, data)) {
    void* out = host.output_allocate(response, index, shape.dtype, shape.rank, shape.dims.data(), shape.size);
    if (out == nullptr) return ResourceExhausted(StrCat("no memory for an output of ", shape.size, " bytes"));
    std::memcpy(out, data, shape.size);
    return {};
  }
  OrtValue* owner = std::exchange(value, nullptr);
  if (host.output_adopt(response, index, shape.dtype, shape.rank, shape.dims.data(), data, shape.size, owner,
                        &ReleaseAdopted) != 0) {
    return ResourceExhausted("no memory for an output");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<OnnxModel>> OnnxModel::Load(const OnnxLibrary& library, const triune_model_config& config) {
  struct stat file {};
  if (stat(config.path, &file) != 0) return NotFound(StrCat("no such file: ", config.path));
  TRIUNE_ASSIGN_OR_RETURN(SessionOptionsPtr options, MakeSessionOptions(library, config));
  std::unique_ptr<OnnxModel> model(new OnnxModel(library));
  OrtSession* session = nullptr;
  Status created;
  {
    SessionLock lock;
    created = library.Check(library.api.CreateSession(library.env.get(), config.path, options.get(), &session));
  }
  if (!created.ok()) {
    // Most of what is wrong with a file comes as a plain failure.
    bool of_the_file = created.code() == StatusCode::kInternal;
    return of_the_file ? InvalidArgument(std::string(created.message())) : created;
  }
  model->session_ = library.Own<SessionPtr>(session);
  TRIUNE_ASSIGN_OR_RETURN(uint64_t copied, CopyMappedFiles(config.path));
  TRIUNE_RETURN_IF_ERROR(model->signature_.Read(library, session, config.name));
  model->memory_bytes_ = static_cast<uint64_t>(file.st_size) + copied;
  return model;
}

OnnxModel::~OnnxModel() { release_lock_.emplace(); }

Status OnnxModel::Infer(const Call& call, triune_response* response) {
  if (!may_bind_.load(std::memory_order_relaxed) || !BoundCall::IsSmallEnough(call)) {
    return InferUnbound(call, response, /*bind_next=*/false);
  }
  std::unique_ptr<BoundCall> bound = bound_calls_.Take(call);
  if (bound == nullptr) return InferUnbound(call, response, bound_calls_.WantsAnother());
  Status status = bound->Run(call.inputs);
  if (status.ok()) [[likely]] {
    status = bound->Deliver(response);
    bound_calls_.Give(std::move(bound));
    return status;
  }
  // Either the request is at fault, and fails again, or the outputs have other shapes this time.
  TRIUNE_RETURN_IF_ERROR(InferUnbound(call, response, /*bind_next=*/false));
  may_bind_.store(false, std::memory_order_relaxed);
  return {};
}

Status OnnxModel::InferUnbound(const Call& call, triune_response* response, bool bind_next) {
  CallArrays arrays(library_);
  for (const triune_tensor& input : call.inputs) {
    TRIUNE_ASSIGN_OR_RETURN(OrtValue * value, MakeInput(library_, input));
    arrays->inputs.push_back(value);
    arrays->input_names.push_back(signature_.input_name(input.index));
  }
  for (uint32_t index : call.outputs) {
    arrays->output_names.push_back(signature_.output_name(index));
    arrays->outputs.push_back(nullptr);
  }
  TRIUNE_RETURN_IF_ERROR(library_.Check(library_.api.Run(
      session_.get(), library_.run_options.get(), arrays->input_names.data(), arrays->inputs.data(),
      arrays->inputs.size(), arrays->output_names.data(), arrays->output_names.size(), arrays->outputs.data())));
  if (bind_next) {
    TRIUNE_ASSIGN_OR_RETURN(std::unique_ptr<BoundCall> bound,
                            BoundCall::Make(library_, session_.get(), signature_, call, arrays->outputs));
    if (bound != nullptr) bound_calls_.Give(std::move(bound));
  }
  for (size_t i = 0; i < call.outputs.size(); ++i) {
    TRIUNE_RETURN_IF_ERROR(Deliver(library_, call, call.outputs[i], arrays->outputs[i], response));
  }
  return {};
}

}  // namespace triune::onnx
