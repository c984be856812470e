#include "compute/measure.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace triune::bench {
namespace {

constexpr const char* kVariable = "TRIUNE_BENCH_SPOILED";
/// Processes for tasks are to do as this one does.
uint64_t spoiled = std::getenv(kVariable) == nullptr ? UINT64_MAX : kSpoiledArgument;

}  // namespace

uint64_t Answer(uint64_t x) { return x == spoiled ? 0 : Right(x); }
void SpoilOneAnswer() {
  spoiled = kSpoiledArgument;
  setenv(kVariable, "1", 1);
}

void ThrowWrongAnswer(uint64_t argument) { throw WrongAnswer("wrong answer to " + std::to_string(argument)); }

size_t ResidentBytes() {
  size_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace triune::bench
