// Pi by chance: of points thrown at random into a square, pi/4 fall into the circle inside it. Each task throws its
// share of them with random numbers of its own, so that the answer depends on the arguments only, not on how many
// threads there are or which of them is first.
//
//   monte_carlo_pi [SAMPLES [TASKS]]
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "triune/core.h"

namespace {

using triune::ObjectRef;
using triune::Result;
using triune::Session;
using triune::Status;

/// How many of `samples` points fall into the circle.
int64_t CountInside(uint64_t seed, int64_t samples) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> coordinate(-1, 1);
  int64_t inside = 0;
  for (int64_t i = 0; i < samples; ++i) {
    const double x = coordinate(random);
    const double y = coordinate(random);
    if (x * x + y * y <= 1) ++inside;
  }
  return inside;
}

Result<double> EstimatePi(Session& session, int64_t samples, int64_t tasks) {
  std::vector<ObjectRef<int64_t>> counts;
  for (int64_t task = 0; task < tasks; ++task) {
    const int64_t share = samples / tasks + (task < samples % tasks ? 1 : 0);
    counts.push_back(session.Submit(CountInside, task, share));  // starts it, and does not wait
  }
  int64_t inside = 0;
  for (const auto& count : counts) {
    TRIUNE_ASSIGN_OR_RETURN(int64_t of_share, session.Get(count));
    inside += of_share;
  }
  return 4.0 * static_cast<double>(inside) / static_cast<double>(samples);
}

Result<int64_t> ParsePositive(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), number);
  if (error != std::errc() || end != text.end() || number <= 0) {
    return triune::InvalidArgument("not a positive number: " + std::string(text));
  }
  return number;
}

Status Run(std::span<const char* const> arguments) {
  int64_t samples = 10'000'000;
  int64_t tasks = 64;
  if (arguments.size() > 2) return triune::InvalidArgument("usage: monte_carlo_pi [SAMPLES [TASKS]]");
  if (arguments.size() > 0) {
    TRIUNE_ASSIGN_OR_RETURN(samples, ParsePositive(arguments[0]));
  }
  if (arguments.size() > 1) {
    TRIUNE_ASSIGN_OR_RETURN(tasks, ParsePositive(arguments[1]));
  }
  Session session;
  TRIUNE_ASSIGN_OR_RETURN(double pi, EstimatePi(session, samples, tasks));
  std::printf("pi is about %.6f\n", pi);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const Status status = Run(std::span(argv, static_cast<size_t>(argc)).subspan(1));
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", Describe(status).c_str());
  return 1;
}
