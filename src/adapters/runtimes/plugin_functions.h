// The functions of a plug-in's table, over two classes of the plug-in's own.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "adapters/runtimes/plugin_boundary.h"
#include "triune/runtime.h"
#include "triune/status.h"

namespace triune::plugin {

/// A table with the functions; names and lists are the plug-in's to fill in. The classes must have
///   static Result<std::unique_ptr<Library>> Library::Open(void* handle, const triune_host*); std::string version;
///   static Result<std::unique_ptr<Model>> Model::Load(Library&, const triune_model_config&);
///   const triune_signature& signature() const; uint64_t memory_bytes() const; Status Infer(const Call&,
///   triune_response*);
template <typename Library, typename Model>
constexpr triune_runtime_plugin Functions() {
  triune_runtime_plugin table{};
  table.abi = TRIUNE_RUNTIME_ABI;
  // The host sees incomplete types, and gives back what it was given.
  table.library_open = [](void* handle, const triune_host* host, triune_library** out, triune_error* error) {
    return Guard(error, [&]() -> Status {
      TRIUNE_ASSIGN_OR_RETURN(std::unique_ptr<Library> library, Library::Open(handle, host));
      *out = reinterpret_cast<triune_library*>(library.release());
      return {};
    });
  };
  table.library_version = [](const triune_library* library) {
    return reinterpret_cast<const Library*>(library)->version.c_str();
  };
  table.library_close = [](triune_library* library) { delete reinterpret_cast<Library*>(library); };
  table.model_load = [](triune_library* library, const triune_model_config* config, triune_model** out,
                        triune_error* error) {
    return Guard(error, [&]() -> Status {
      TRIUNE_ASSIGN_OR_RETURN(std::unique_ptr<Model> model, Model::Load(*reinterpret_cast<Library*>(library), *config));
      *out = reinterpret_cast<triune_model*>(model.release());
      return {};
    });
  };
  table.model_signature = [](const triune_model* model) { return &reinterpret_cast<const Model*>(model)->signature(); };
  table.model_memory = [](const triune_model* model) -> uint64_t {
    return reinterpret_cast<const Model*>(model)->memory_bytes();
  };
  table.model_infer = [](triune_model* model, const triune_tensor* inputs, uint32_t input_count,
                         const uint32_t* outputs, uint32_t output_count, triune_response* response,
                         triune_error* error) {
    return Guard(error, [&]() -> Status {
      return reinterpret_cast<Model*>(model)->Infer({std::span(inputs, input_count), std::span(outputs, output_count)},
                                                    response);
    });
  };
  table.model_unload = [](triune_model* model) { delete reinterpret_cast<Model*>(model); };
  return table;
}

}  // namespace triune::plugin
