// Percent-encoding of URIs.
#pragma once

#include <string>
#include <string_view>

namespace triune {

/// `text` with %41 made A. A percent sign without two hex digits behind it stays as it is; *malformed, unless null,
/// then becomes true.
std::string PercentDecode(std::string_view text, bool* malformed = nullptr);

}  // namespace triune
