// How long a server takes from exec to its first 200, measured without an interpreter: a new process again and again,
// and a loop on another core that tries to connect and to GET. Prints one line of JSON.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/strings.h"
#include "triune/status.h"

#ifndef NDEBUG
#error "build it with CMAKE_BUILD_TYPE=Release"
#endif

namespace triune::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::chrono::seconds kLongestStart{120};
constexpr std::chrono::seconds kLongestStop{20};

struct Flags {
  uint16_t port = 0;
  std::string path;
  int runs = 20;
  int server_cpu = -1;
  std::vector<std::string> command;
};

void PinTo(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(cpu), &set);
  sched_setaffinity(0, sizeof(set), &set);
}

pid_t Start(const Flags& flags) {
  std::vector<char*> argv;
  for (const std::string& word : flags.command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(STDERR_FILENO, STDOUT_FILENO);  // stdout is for the one line of JSON
    if (flags.server_cpu >= 0) PinTo(flags.server_cpu);
    execvp(argv[0], argv.data());
    std::perror(argv[0]);
    _exit(127);
  }
  return pid;
}

/// One attempt: connect, GET, and whether the answer is a 200.
bool AnswersOk(uint16_t port, const std::string& request) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string_view answer;
  char buffer[256];
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
      send(fd, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size())) {
    const ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
    if (got > 0) answer = std::string_view(buffer, static_cast<size_t>(got));
  }
  close(fd);
  return answer.starts_with("HTTP/1.1 200 ");
}

Status Stop(pid_t pid) {
  kill(pid, SIGTERM);
  const auto give_up = SteadyClock::now() + kLongestStop;
  int status = 0;
  while (waitpid(pid, &status, WNOHANG) == 0) {
    if (SteadyClock::now() > give_up) {
      kill(pid, SIGKILL);
      waitpid(pid, &status, 0);
      return DeadlineExceeded("the server did not stop on SIGTERM");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return {};
}

/// Milliseconds from before fork to the first 200.
Result<double> MeasureOne(const Flags& flags, const std::string& request) {
  if (AnswersOk(flags.port, request)) return FailedPrecondition(StrCat("something answers on port ", flags.port));
  const auto start = SteadyClock::now();
  const pid_t pid = Start(flags);
  if (pid < 0) return Internal(StrCat("fork: ", std::strerror(errno)));
  while (!AnswersOk(flags.port, request)) {
    int status = 0;
    if (waitpid(pid, &status, WNOHANG) == pid) return Unavailable(StrCat("the server ended with status ", status));
    if (SteadyClock::now() - start > kLongestStart) {
      TRIUNE_RETURN_IF_ERROR(Stop(pid));
      return DeadlineExceeded("the server did not get ready");
    }
  }
  const std::chrono::duration<double, std::milli> taken = SteadyClock::now() - start;
  TRIUNE_RETURN_IF_ERROR(Stop(pid));
  return taken.count();
}

Status Main(const Flags& flags) {
  const std::string request = "GET " + flags.path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
  std::vector<double> times;
  for (int i = 0; i < flags.runs; ++i) {
    TRIUNE_ASSIGN_OR_RETURN(const double milliseconds, MeasureOne(flags, request));
    times.push_back(milliseconds);
  }
  std::sort(times.begin(), times.end());
  const nlohmann::ordered_json line = {
      {"median_ms", times[times.size() / 2]}, {"min_ms", times.front()}, {"max_ms", times.back()}, {"ms", times}};
  std::printf("%s\n", line.dump().c_str());
  return {};
}

}  // namespace
}  // namespace triune::bench

int main(int argc, char** argv) {
  triune::bench::Flags flags;
  CLI::App app("Time from exec to the first 200");
  app.add_option("--port", flags.port, "HTTP port of the server")->required();
  app.add_option("--path", flags.path, "path that answers 200 when it is ready")->required();
  app.add_option("--runs", flags.runs, "number of starts")->check(CLI::Range(1, 1000));
  app.add_option("--server-cpu", flags.server_cpu, "core of the server");
  app.add_option("command", flags.command, "the server's command line, after --")->required();
  CLI11_PARSE(app, argc, argv);
  const triune::Status status = triune::bench::Main(flags);
  if (status.ok()) return 0;
  std::fprintf(stderr, "bench_cold_start: %s\n", status.ToString().c_str());
  return 1;
}
