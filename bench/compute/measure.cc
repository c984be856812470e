#include "compute/measure.h"

#include <unistd.h>

#include <fstream>
#include <string>

namespace triune::bench {
namespace {

uint64_t spoiled = UINT64_MAX;

}  // namespace

uint64_t Answer(uint64_t x) { return x == spoiled ? 0 : Right(x); }
void SpoilOneAnswer() { spoiled = kSpoiledArgument; }

void ThrowWrongAnswer(uint64_t argument) { throw WrongAnswer("wrong answer to " + std::to_string(argument)); }

size_t ResidentBytes() {
  size_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace triune::bench
