// What the load maker sends, and what it must get back. Both files are written by bodies.py.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "triune/status.h"

namespace triune::bench {

/// A file mapped into memory for as long as the process lives.
Result<std::string_view> MapFile(const std::string& path);

/// One request body, in pieces: large bodies are windows that slide over one pool of numbers, so that a thousand of
/// them need no thousand times the memory.
struct Body {
  static constexpr size_t kPieces = 3;
  std::array<std::string_view, kPieces> pieces;
  size_t size = 0;
};

/// The bodies over which a load run rotates. File: "TRNBODY1", uint64 count, then per body three times
/// {uint64 offset from the start of the file, uint64 length}, then the bytes.
Result<std::vector<Body>> ReadBodies(const std::string& path);

/// The right answer of one body: its length and CRC-32.
struct Expectation {
  uint64_t size = 0;
  uint32_t crc32 = 0;

  bool Matches(std::string_view answer) const;
};

/// One expectation per body. File: "TRNEXPC1", uint64 count, then per body {uint64 length, uint64 crc32}.
Result<std::vector<Expectation>> ReadExpectations(const std::string& path);

}  // namespace triune::bench
