// The process that workers are made from.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "compute/shm/segment.h"
#include "triune/status.h"

namespace triune::compute {

/// How a worker's process is to differ from the program's own.
struct WorkerSetting {
  std::vector<std::string> environment{};  ///< "NAME=value", added.
  std::string working_directory{};         ///< Empty: the program's.
  friend bool operator==(const WorkerSetting&, const WorkerSetting&) = default;
};

/// Descriptors that a worker is to get.
struct WorkerFiles {
  int link;
  int output;  ///< Its standard output.
  int error;   ///< Its standard error.
};

/// The driver's hold on it: the program itself, started again, which never gets to its main function. It forks workers
/// as long as it has one thread only (static initialisers may start others; then each worker is a start of the
/// program), and ends when the driver does, in whatever way: its workers end with it. Thread-safe.
class Zygote {
 public:
  /// Called on a thread of the zygote's own.
  struct Events {
    std::function<void(uint64_t worker, pid_t pid)> spawned;
    /// `wait_status` as of waitpid.
    std::function<void(uint64_t worker, int wait_status)> died;
    /// There are no workers any more, and there will be none.
    std::function<void()> lost;
  };
  static constexpr uint64_t kNone = 0;

  /// `memory`: what each worker gets. FailedPrecondition in a process that is a worker itself.
  static Result<std::unique_ptr<Zygote>> Start(const shm::Segment& memory, Events events);
  ~Zygote();
  Zygote(const Zygote&) = delete;
  Zygote& operator=(const Zygote&) = delete;

  /// Starts a worker that is to be known by this number, not kNone, with copies of these files. Events say when that
  /// does not succeed. InvalidArgument when the setting is too long.
  Status Spawn(uint64_t worker, const WorkerFiles& files, const WorkerSetting& setting);
  /// With all its own children that are still in its process group.
  void Kill(uint64_t worker);
  pid_t pid() const { return pid_; }

 private:
  Zygote(int socket, pid_t pid, Events events);
  void Listen();

  const int socket_;
  const pid_t pid_;
  const Events events_;
  std::thread listener_;
};

/// In the environment: what a process was started as.
inline constexpr const char* kRoleVariable = "TRIUNE_PROCESS";
/// Whether this process was started as a zygote or a worker.
bool IsWorkerProcess();
/// Instead of the program's main function, in such a process.
int WorkerProcessMain();

}  // namespace triune::compute
