// The zygote's side: one thread that makes workers, buries them, and never runs anything of the program.
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "compute/process/message.h"
#include "compute/process/zygote.h"
#include "compute/process/zygote_protocol.h"

namespace triune::compute {
namespace {

/// How often it looks whether the driver is still there, should somebody else have its end of the socket.
constexpr int kLookForDriverMilliseconds = 500;

bool HasOneThread() {
  int count = 0;
  DIR* tasks = opendir("/proc/self/task");
  if (tasks == nullptr) return false;
  while (const dirent* entry = readdir(tasks)) count += entry->d_name[0] != '.';
  closedir(tasks);
  return count == 1;
}

struct SpawnRequest {
  uint64_t worker;
  WorkerSetting setting;
};

/// In the new process. What does not succeed ends it, and so the driver hears of it.
void Apply(const WorkerSetting& setting) {
  if (!setting.working_directory.empty() && chdir(setting.working_directory.c_str()) != 0) {
    dprintf(STDERR_FILENO, "runtime_env: no such working directory: %s: %s\n", setting.working_directory.c_str(),
            std::strerror(errno));
    _exit(127);
  }
  for (const std::string& variable : setting.environment) {
    const size_t equals = variable.find('=');
    setenv(variable.substr(0, equals).c_str(), variable.substr(equals + 1).c_str(), 1);
  }
}

class ZygoteProcess {
 public:
  ZygoteProcess() {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &before_);
    children_ = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    fcntl(kOwnDescriptor, F_SETFD, FD_CLOEXEC);
  }

  int Run() {
    while (true) {
      std::array<pollfd, 2> wanted{{{kOwnDescriptor, POLLIN, 0}, {children_, POLLIN, 0}}};
      const int ready = poll(wanted.data(), wanted.size(), kLookForDriverMilliseconds);
      if (ready < 0 && errno != EINTR) break;
      if (getppid() != driver_) break;
      if (ready <= 0) continue;
      if (wanted[1].revents != 0) Bury();
      if (wanted[0].revents != 0 && !Serve()) break;
    }
    for (const auto& [worker, pid] : workers_) Kill(pid);
    return 0;
  }

 private:
  static void Kill(pid_t pid) {
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
  }

  void Bury() {
    signalfd_siginfo info{};
    while (read(children_, &info, sizeof(info)) == sizeof(info)) {
    }
    int status = 0;
    for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
      auto found = numbers_.find(pid);
      if (found == numbers_.end()) continue;  // a child of a worker that is gone
      kill(-pid, SIGKILL);                    // what it has started
      Report({.worker = found->second, .spawned = 0, .wait_status = status});
      workers_.erase(found->second);
      numbers_.erase(found);
    }
  }

  static void Report(const ZygoteEvent& event) {
    while (send(kOwnDescriptor, &event, sizeof(event), MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
  }

  /// False when the driver is gone.
  bool Serve() {
    iovec part{buffer_.data(), buffer_.size()};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kMostDescriptors * sizeof(int))> control{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t bytes = recvmsg(kOwnDescriptor, &header, MSG_CMSG_CLOEXEC);
    if (bytes < 0) return errno == EINTR;
    if (bytes == 0) return false;
    MessageReader message({buffer_.data(), static_cast<size_t>(bytes)});
    const auto request = message.Take<ZygoteRequest>();
    if (request.spawn == 0) {
      auto found = workers_.find(request.worker);
      if (found != workers_.end()) Kill(found->second);
      return true;
    }
    std::array<int, kMostDescriptors> descriptors{-1, -1, -1};
    const cmsghdr* own = CMSG_FIRSTHDR(&header);
    if (own != nullptr && own->cmsg_len <= CMSG_LEN(sizeof(descriptors))) {
      std::memcpy(descriptors.data(), CMSG_DATA(own), own->cmsg_len - CMSG_LEN(0));
    }
    SpawnRequest spawn{.worker = request.worker, .setting = {}};
    spawn.setting.working_directory = message.Text();
    for (auto left = message.Take<uint32_t>(); left > 0 && !message.failed(); --left) {
      spawn.setting.environment.push_back(message.Text());
    }
    Spawn(spawn, {.link = descriptors[0], .output = descriptors[1], .error = descriptors[2]});
    for (const int descriptor : descriptors) {
      if (descriptor >= 0) close(descriptor);
    }
    return true;
  }

  void Spawn(const SpawnRequest& request, const WorkerFiles& files) {
    const pid_t pid = HasOneThread() ? Fork(request, files) : Start(request, files);
    if (pid < 0) {
      Report({.worker = request.worker, .spawned = 0, .wait_status = W_EXITCODE(127, 0)});
      return;
    }
    setpgid(pid, pid);  // the worker does the same: whoever comes first
    workers_.emplace(request.worker, pid);
    numbers_.emplace(pid, request.worker);
    Report({.worker = request.worker, .spawned = pid, .wait_status = 0});
  }

  pid_t Fork(const SpawnRequest& request, const WorkerFiles& files) const {
    const pid_t zygote = getpid();
    const pid_t pid = fork();
    if (pid != 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != zygote) _exit(0);
    setpgid(0, 0);
    close(kOwnDescriptor);
    close(children_);
    sigprocmask(SIG_SETMASK, &before_, nullptr);
    dup2(files.output, STDOUT_FILENO);
    dup2(files.error, STDERR_FILENO);
    close(files.output);
    close(files.error);
    Apply(request.setting);
    _exit(WorkerMain(files.link));
  }

  static pid_t Start(const SpawnRequest& request, const WorkerFiles& files) {
    Result<pid_t> pid = SpawnProgram(ProcessRole::kWorker, files, {}, request.setting);
    if (!pid.ok()) dprintf(STDERR_FILENO, "%s\n", pid.status().ToString().c_str());
    return pid.ok() ? *pid : -1;
  }

  const pid_t driver_ = getppid();
  sigset_t before_{};
  int children_ = -1;
  std::unordered_map<uint64_t, pid_t> workers_;
  std::unordered_map<pid_t, uint64_t> numbers_;
  std::vector<std::byte> buffer_{kMostRequestBytes};
};

}  // namespace

int ZygoteMain() {
  prctl(PR_SET_NAME, "triune-zygote");
  // What static initialisers have written is not to be written by each worker.
  std::fflush(nullptr);
  // What comes from the driver is not to get the numbers of these, where the program has closed them.
  int nowhere = open("/dev/null", O_RDWR);
  while (nowhere >= 0 && nowhere <= STDERR_FILENO) nowhere = dup(nowhere);
  if (nowhere >= 0) close(nowhere);
  return ZygoteProcess().Run();
}

bool IsWorkerProcess() { return RoleOfThisProcess() != ProcessRole::kNone; }

int WorkerProcessMain() {
  if (RoleOfThisProcess() == ProcessRole::kZygote) return ZygoteMain();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  return WorkerMain(kOwnDescriptor);
}

}  // namespace triune::compute
