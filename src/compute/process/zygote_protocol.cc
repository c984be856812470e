#include "compute/process/zygote_protocol.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace triune::compute {
namespace {

constexpr const char* kZygote = "zygote";
constexpr const char* kWorker = "worker";

/// Read once, and taken out, so that programs that it starts don't take it for themselves.
ProcessRole ReadRole() {
  const char* value = std::getenv(kRoleVariable);
  const std::string_view role = value == nullptr ? "" : value;
  const ProcessRole result = role == kZygote   ? ProcessRole::kZygote
                             : role == kWorker ? ProcessRole::kWorker
                                               : ProcessRole::kNone;
  if (value != nullptr) unsetenv(kRoleVariable);
  return result;
}

}  // namespace

ProcessRole RoleOfThisProcess() {
  static const ProcessRole role = ReadRole();
  return role;
}

Result<pid_t> SpawnProgram(ProcessRole role, const WorkerFiles& files, const MemoryFiles& memory,
                           const WorkerSetting& setting) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, files.link, kOwnDescriptor);
  posix_spawn_file_actions_adddup2(&actions, memory.memory, kMemoryDescriptor);
  if (memory.disk >= 0) {
    posix_spawn_file_actions_adddup2(&actions, memory.disk, kDiskDescriptor);
  } else {
    posix_spawn_file_actions_addopen(&actions, kDiskDescriptor, "/dev/null", O_RDONLY, 0);
  }
  if (files.output != STDOUT_FILENO) posix_spawn_file_actions_adddup2(&actions, files.output, STDOUT_FILENO);
  if (files.error != STDERR_FILENO) posix_spawn_file_actions_adddup2(&actions, files.error, STDERR_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&actions, kDiskDescriptor + 1);
  if (!setting.working_directory.empty()) {
    posix_spawn_file_actions_addchdir_np(&actions, setting.working_directory.c_str());
  }
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigdefault(&attributes, &all);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);

  const std::string entry = std::string(kRoleVariable) + "=" + (role == ProcessRole::kZygote ? kZygote : kWorker);
  std::vector<char*> environment;
  // The first of a name is the one that counts.
  for (const std::string& variable : setting.environment) environment.push_back(const_cast<char*>(variable.c_str()));
  for (char** variable = environ; *variable != nullptr; ++variable) environment.push_back(*variable);
  environment.push_back(const_cast<char*>(entry.c_str()));
  environment.push_back(nullptr);
  char* arguments[] = {program_invocation_name, nullptr};
  pid_t pid = 0;
  const int error = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, arguments, environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    return Internal(std::string("could not start the program again, for tasks to run in: ") + std::strerror(error));
  }
  return pid;
}

bool SendWithDescriptors(int socket, std::span<const std::byte> message, std::span<const int> descriptors) {
  iovec part{const_cast<std::byte*>(message.data()), message.size()};
  alignas(cmsghdr) std::byte control[CMSG_SPACE(kMostDescriptors * sizeof(int))]{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* own = CMSG_FIRSTHDR(&header);
    own->cmsg_level = SOL_SOCKET;
    own->cmsg_type = SCM_RIGHTS;
    own->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(own), descriptors.data(), descriptors.size_bytes());
  }
  ssize_t sent;
  do {
    sent = sendmsg(socket, &header, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(message.size());
}

}  // namespace triune::compute
