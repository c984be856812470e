// What can go wrong with tasks, actors and objects, for programs to tell apart.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "triune/status.h"

namespace triune {

/// What Ray has an exception class for, mostly.
enum class ErrorKind : uint8_t {
  kTaskFailed,         ///< The function threw or returned an error (Ray: RayTaskError).
  kTaskCancelled,      ///< TaskCancelledError
  kDeadlineExceeded,   ///< The task's own timeout passed.
  kGetTimeout,         ///< GetTimeoutError: the task may still come to an end.
  kActorDied,          ///< ActorDiedError: killed, or its constructor failed; the cause says which.
  kActorUnavailable,   ///< ActorUnavailableError: it was restarted while the call ran; later calls may succeed.
  kPendingCallsLimit,  ///< PendingCallsLimitExceeded
  kUnschedulable,      ///< It asks for more than there is (TaskUnschedulableError).
  kDeadlock,           ///< It would wait for itself.
  kWorkerCrashed,      ///< The process that ran it ended: WorkerCrashedError.
  kOutOfMemory,        ///< The process that ran it had more memory than it may: OutOfMemoryError.
  kObjectStoreFull,    ///< No room in shared memory: ObjectStoreFullError.
  kCapacityExceeded,   ///< RayCgraphCapacityExceeded: too many executions of a compiled DAG are not over, or not taken.
  kObjectFreed,        ///< ObjectFreedError: see Session::Free.
  kObjectLost,         ///< It was freed and can't be made again: ObjectLostError, ObjectReconstructionFailedError.
};

/// "TASK_FAILED", ...; empty when it is none.
std::string_view ErrorKindName(ErrorKind kind);

/// The detail of a Status that comes from a task, actor or object. Immutable.
class TaskError final : public StatusDetail {
 public:
  ErrorKind kind = ErrorKind::kTaskFailed;
  std::string task{};            ///< Name of the task or method; of the actor when it was not in a method.
  std::string exception_type{};  ///< "std::runtime_error"; empty when nothing was thrown.
  int attempt = 0;               ///< How many times it had failed before.
  /// Where the exception was thrown, innermost call first; empty when nothing was thrown, or it can't be told.
  std::vector<std::string> stack{};
  Status cause{};  ///< What the error came from: of a task inside this one, of the actor's constructor.

  /// Null when the status does not come from a task.
  static const TaskError* Of(const Status& status);
};

/// The error with its stacks and causes, in several lines, for people.
std::string Describe(const Status& status);

}  // namespace triune
