#include "compute/process/zygote.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <utility>

#include "compute/process/message.h"
#include "compute/process/zygote_protocol.h"

namespace triune::compute {
namespace {

Status SystemError(const char* what) {
  return Internal(std::string("could not start a process for tasks: ") + what + ": " + std::strerror(errno));
}

/// A copy that is above the numbers at which the zygote finds its own.
int CopyHigh(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 16); }

}  // namespace

Result<std::unique_ptr<Zygote>> Zygote::Start(const shm::Segment& segment, Events events) {
  if (IsWorkerProcess()) {
    return FailedPrecondition(
        "a process that runs tasks can't start others: tasks there use the session of their task");
  }
  std::array<int, 2> sockets{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets.data()) != 0) return SystemError("socketpair");
  const int theirs = CopyHigh(sockets[1]);
  const int memory = CopyHigh(segment.fd());
  const int disk = segment.disk() == nullptr ? -1 : CopyHigh(segment.disk()->fd());
  close(sockets[1]);
  auto result = [&]() -> Result<pid_t> {
    if (theirs < 0 || memory < 0 || (segment.disk() != nullptr && disk < 0)) return SystemError("fcntl");
    return SpawnProgram(ProcessRole::kZygote, {.link = theirs, .output = STDOUT_FILENO, .error = STDERR_FILENO},
                        {.memory = memory, .disk = disk}, {});
  }();
  if (theirs >= 0) close(theirs);
  if (memory >= 0) close(memory);
  if (disk >= 0) close(disk);
  if (!result.ok()) {
    close(sockets[0]);
    return std::move(result).status();
  }
  auto zygote = std::unique_ptr<Zygote>(new Zygote(sockets[0], *result, std::move(events)));
  zygote->listener_ = std::thread([raw = zygote.get()] { raw->Listen(); });
  return zygote;
}

Zygote::Zygote(int socket, pid_t pid, Events events) : socket_(socket), pid_(pid), events_(std::move(events)) {}

Zygote::~Zygote() {
  // It reads that nothing will follow, kills the workers and ends.
  shutdown(socket_, SHUT_WR);
  listener_.join();
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  close(socket_);
}

void Zygote::Listen() {
  ZygoteEvent event{};
  while (true) {
    const ssize_t bytes = recv(socket_, &event, sizeof(event), 0);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes != sizeof(event)) break;
    if (event.spawned > 0) {
      events_.spawned(event.worker, static_cast<pid_t>(event.spawned));
      continue;
    }
    events_.died(event.worker, static_cast<int>(event.wait_status));
  }
  events_.lost();
}

Status Zygote::Spawn(uint64_t worker, const WorkerFiles& files, const WorkerSetting& setting) {
  std::vector<std::byte> request;
  MessageWriter message(request);
  message.Put(ZygoteRequest{.spawn = 1, .worker = worker});
  message.Text(setting.working_directory);
  message.Put(static_cast<uint32_t>(setting.environment.size()));
  for (const std::string& variable : setting.environment) message.Text(variable);
  if (request.size() > kMostRequestBytes) {
    return InvalidArgument("runtime_env is too large: " + std::to_string(request.size()) + " bytes, at most " +
                           std::to_string(kMostRequestBytes));
  }
  const std::array<int, 3> descriptors = {files.link, files.output, files.error};
  return SendWithDescriptors(socket_, request, descriptors) ? Status() : SystemError("the zygote does not answer");
}

void Zygote::Kill(uint64_t worker) {
  std::vector<std::byte> request;
  MessageWriter(request).Put(ZygoteRequest{.spawn = 0, .worker = worker});
  std::ignore = SendWithDescriptors(socket_, request, {});
}

}  // namespace triune::compute
