// What a session shows of itself.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "compute/state/state_book.h"
#include "triune/core/detail/resources.h"
#include "triune/core/state.h"
#include "triune/status.h"

namespace triune {
struct SessionOptions;
}

namespace triune::compute {

class ProcessPool;
class StateServer;
class WorkerPool;

/// Thread-safe.
class SessionState {
 public:
  /// Opens the trace, where there is to be one. `problem`: of the options, met before.
  SessionState(const SessionOptions& options, Status problem);
  ~SessionState();
  SessionState(const SessionState&) = delete;
  SessionState& operator=(const SessionState&) = delete;

  StateBook* book() const noexcept { return book_; }
  /// Once, when these are there: from now on it answers, also on the socket.
  struct Sources {
    detail::Resources& resources;
    ProcessPool& processes;
    WorkerPool& threads;
  };
  void Begin(const Sources& sources);
  /// Answers nobody any more; what it was begun with may go.
  void StopServing();
  /// The trace ends here.
  void Close();
  Status status() const;

  SessionStats Stats() const;
  Result<Listing<TaskInfo>> ListTasks(const ListOptions& options) const;
  Result<Listing<ActorInfo>> ListActors(const ListOptions& options) const;
  Result<Listing<ObjectInfo>> ListObjects(const ListOptions& options) const;
  Result<Listing<PlacementGroupStateInfo>> ListPlacementGroups(const ListOptions& options) const;
  Result<Listing<WorkerInfo>> ListWorkers(const ListOptions& options) const;
  Result<std::vector<TaskSummary>> SummarizeTasks() const;
  std::string MetricsText() const;
  /// The tasks that are in the table, as a trace.
  Result<std::string> Timeline() const;

 private:
  Status CheckTracked() const;
  ObjectInfo Describe(detail::Object& object) const;
  void AddProblem(Status problem);

  StateBook* book_ = nullptr;  ///< With a reference.
  std::string socket_path_;
  mutable std::mutex mutex_;
  Status status_;
  std::unique_ptr<Sources> sources_;
  std::unique_ptr<StateServer> server_;
};

std::string_view ActorLifeName(detail::ActorLife life);

}  // namespace triune::compute
