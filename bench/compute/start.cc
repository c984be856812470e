// How long a program takes from its start to the first result, and how much memory it has afterwards: runs
// bench_compute_start, which is beside this program.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "compute/measure.h"

namespace triune::bench {
namespace {

using Json = nlohmann::ordered_json;

int64_t Now() { return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count(); }

struct Started {
  int64_t spawned, main_began, answered, exited;
  int64_t resident_kib;
};

[[noreturn]] void Fail(const char* what) { throw std::runtime_error(std::string("bench_compute_start: ") + what); }

Started StartOne(const char* side, const Options& options, bool idle) {
  std::string program = std::filesystem::read_symlink("/proc/self/exe").string() + "_start";
  std::string workers = std::to_string(options.workers);
  std::vector<const char*> argv = {program.c_str(), side, workers.c_str()};
  if (idle) argv.push_back("--idle");
  argv.push_back(nullptr);

  int ends[2];
  if (pipe(ends) != 0) Fail("no pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  posix_spawn_file_actions_addclose(&actions, ends[1]);
  Started started{};
  started.spawned = Now();
  pid_t pid = 0;
  const int failed = posix_spawn(&pid, program.c_str(), &actions, nullptr, const_cast<char**>(argv.data()), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  int status = 0;
  if (failed == 0) waitpid(pid, &status, 0);
  started.exited = Now();

  FILE* output = fdopen(ends[0], "r");
  const int read = std::fscanf(output, "%ld %ld %ld", &started.main_began, &started.answered, &started.resident_kib);
  std::fclose(output);
  if (failed != 0) Fail("did not start");
  if (status != 0 || read != 3) throw WrongAnswer("bench_compute_start: no answer, or a wrong one");
  return started;
}

Json Start(const char* side, const Options& options) {
  const Started started = StartOne(side, options, false);
  auto microseconds = [](int64_t from, int64_t to) { return static_cast<double>(to - from) / 1000; };
  return {{"main_to_answer_us", microseconds(started.main_began, started.answered)},
          {"fork_to_main_us", microseconds(started.spawned, started.main_began)},
          {"fork_to_exit_us", microseconds(started.spawned, started.exited)}};
}
Json Idle(const char* side, const Options& options) {
  return {{"rss_mib", static_cast<double>(StartOne(side, options, true).resident_kib) / 1024}};
}

}  // namespace

std::vector<Measure> StartMeasures() {
  return {{"start", [](const Options& options) { return Start("floor", options); },
           [](const Options& options) { return Start("threads", options); }},
          {"process-start", nullptr, [](const Options& options) { return Start("processes", options); }},
          {"idle", [](const Options& options) { return Idle("floor", options); },
           [](const Options& options) { return Idle("threads", options); }}};
}

}  // namespace triune::bench
