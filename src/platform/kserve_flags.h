// The flags of KServe's Python servers (0.21), which its manifests and runtimes pass.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace triune::platform {

enum class KServeFlag : uint8_t {
  kNone,  ///< No flag of KServe's servers.
  kModelName,
  kThreads,   ///< --nthread: threads of one call of a model.
  kTls,       ///< Certificates, whose absence nobody may overlook.
  kServer,    ///< Acts on the command line of `triune serve`; in a manifest there is no server to set up.
  kNoEffect,  ///< Has no meaning here.
};

/// '-' and '_' in names are the same.
KServeFlag KServeFlagOf(std::string_view name);

/// Those of kNoEffect, spelt as KServe does.
std::span<const std::string_view> MeaninglessKServeFlags();

/// The environment variables that do what the flags of kTls do.
inline constexpr std::string_view kTlsCertificateVariable = "KSERVE_TLS_CERT_FILE";
inline constexpr std::string_view kTlsKeyVariable = "KSERVE_TLS_KEY_FILE";
/// Why both are refused.
inline constexpr std::string_view kNoTls = "TLS is not there yet: leave this out and put a proxy that has it in front";

}  // namespace triune::platform
