// How far a task that was sent to a worker is: a word that both see.
#pragma once

#include <cstddef>
#include <cstdint>

namespace triune::compute {

/// How many tasks may be on their way to a worker.
inline constexpr size_t kSlots = 64;

/// The word of a slot: which of all the tasks that were sent in it, one of the stages, and whether it is cancelled.
namespace slot {
inline constexpr uint32_t kSent = 1;     ///< Whoever takes it further runs it, or takes it back.
inline constexpr uint32_t kRunning = 2;  ///< In the worker.
inline constexpr uint32_t kTakenBack = 3;
inline constexpr uint32_t kStages = 3;
inline constexpr uint32_t kCancelled = 4;  ///< Nobody wants it any more.

constexpr uint32_t Word(uint32_t sequence, uint32_t stage) { return sequence << 8U | stage; }
constexpr uint32_t StageOf(uint32_t word) { return word & kStages; }
}  // namespace slot

}  // namespace triune::compute
