// Base64 (RFC 4648 section 4).
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace triune {

/// How many bytes the text decodes to at most.
inline size_t Base64Bound(std::string_view text) { return text.size() / 4 * 3 + 3; }

/// Writes the decoded bytes to `out`, which has room for Base64Bound(text). Returns their number, or nothing when the
/// text is not Base64: '=' may be missing at the end, but nothing else may stand in it.
std::optional<size_t> DecodeBase64(std::string_view text, std::byte* out);

}  // namespace triune
