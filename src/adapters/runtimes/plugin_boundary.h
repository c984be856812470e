// What every plug-in does where it meets the host's C interface: errors out, parameters in.
#pragma once

#include <cstdint>
#include <exception>
#include <initializer_list>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "triune/runtime.h"
#include "triune/status.h"

namespace triune::plugin {

/// What a call consists of.
struct Call {
  std::span<const triune_tensor> inputs;
  std::span<const uint32_t> outputs;  ///< Numbers in the signature.
};

/// Writes the message, cut to fit, and returns the code; 0 for OK.
int Report(const Status& status, triune_error* error);

/// Runs `body` (which returns a Status) and lets no exception out.
template <typename Body>
int Guard(triune_error* error, Body&& body) noexcept {
  try {
    return Report(body(), error);
  } catch (const std::bad_alloc&) {
    return Report(ResourceExhausted("out of memory"), error);
  } catch (const std::exception& exception) {
    return Report(Internal(exception.what()), error);
  }
}

/// The parameters of a model: every key must be taken, every value must be of its kind. Thread-compatible.
class ParameterReader {
 public:
  explicit ParameterReader(const triune_model_config& config) : config_(config) {}

  /// `*value` stays as it is when the key is not given.
  Status Int(std::string_view key, int least, int most, int* value);
  Status Bool(std::string_view key, bool* value);  ///< true, false, 1, 0.
  /// `*index`: which of `names`.
  Status Choice(std::string_view key, std::initializer_list<std::string_view> names, int* index);
  /// After all keys have been asked for: an error that names a key nobody asked for, and those that exist.
  Status Finish() const;

 private:
  const char* Find(std::string_view key);

  const triune_model_config& config_;
  std::vector<std::string_view> known_;
};

}  // namespace triune::plugin
