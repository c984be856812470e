// One run of one side of one measure of tasks and objects. Prints one line of JSON.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "compute/measure.h"

namespace triune::bench {
namespace {

std::vector<Measure> AllMeasures() {
  std::vector<Measure> all;
  for (auto* some :
       {TaskMeasures, QueueMeasures, ObjectMeasures, StartMeasures, ActorMeasures, ProcessMeasures, DagMeasures}) {
    for (Measure& measure : some()) all.push_back(measure);
  }
  return all;
}

int Main(int argc, char** argv) {
  Options options;
  std::string name, side_name;
  bool spoil = false;
  CLI::App app("One run of one side of one measure");
  app.add_option("measure", name, "see compute.py")->required();
  app.add_option("--side", side_name, "floor or threads")->required();
  app.add_option("--seconds", options.seconds, "measured time of a rate");
  app.add_option("--workers", options.workers, "threads that run tasks")->check(CLI::Range(1, 1024));
  app.add_option("--in-flight", options.in_flight, "tasks before the first is asked for");
  app.add_option("--queued", options.queued, "tasks behind one that does not end");
  app.add_option("--fibonacci", options.fibonacci, "depth of the recursion")->check(CLI::Range(2, 40));
  app.add_flag("--spoil", spoil, "one answer is wrong: the run must fail");
  CLI11_PARSE(app, argc, argv);
  if (spoil) SpoilOneAnswer();

  const std::vector<Measure> all = AllMeasures();
  const auto measure = std::find_if(all.begin(), all.end(), [&](const Measure& m) { return m.name == name; });
  Side side = nullptr;
  if (measure != all.end()) {
    if (side_name == "floor") side = measure->floor;
    if (side_name == "threads") side = measure->threads;
  }
  if (side == nullptr) {
    std::fprintf(stderr, "no such measure, or no such side of it: %s %s\n", name.c_str(), side_name.c_str());
    return 2;
  }
  try {
    std::printf("%s\n", side(options).dump().c_str());
    return 0;
  } catch (const WrongAnswer& wrong) {
    std::fprintf(stderr, "%s, %s: %s\n", name.c_str(), side_name.c_str(), wrong.what());
    return 1;
  }
}

}  // namespace
}  // namespace triune::bench

int main(int argc, char** argv) { return triune::bench::Main(argc, argv); }
