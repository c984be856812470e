// libFuzzer: whatever the bytes, ParseManifest returns, in bounded time, and its answer is consistent.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "resource/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using triune::resource::Diagnostic;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto lenient = triune::resource::ParseManifest(text, "fuzz.yaml", {});
  auto strict = triune::resource::ParseManifest(text, "fuzz.yaml", {.strict = true});
  // What strict accepts, lenient accepts too.
  if (strict.ok() && !lenient.ok()) std::abort();
  for (const auto& service : lenient.inference_services) {
    if (service.metadata.name.empty() || service.predictor.model.format.name.empty()) std::abort();
  }
  for (const Diagnostic& diagnostic : lenient.diagnostics) {
    if (diagnostic.line < 0 || diagnostic.message.empty()) std::abort();
    if (diagnostic.ToString().find('\n') != std::string::npos) std::abort();
  }
  return 0;
}
