#include "compute/task_error.h"

#include <cxxabi.h>

#include <exception>
#include <new>
#include <typeinfo>
#include <utility>

#include "compute/stack/thrown_from.h"
#include "triune/core/detail/names.h"
#include "triune/core/status_error.h"

namespace triune::compute {
namespace {

constexpr int kMostCauses = 16;

/// std::throw_with_nested keeps the exception that was being handled inside the new one.
Status Nested(const std::exception& exception, int depth);

/// Of the exception that is being handled.
Status Describe(const std::string& prefix, TaskError& error, int depth) {
  error.stack = StackOfCurrentException();
  try {
    throw;
  } catch (const StatusError& exception) {
    // As if it had been returned.
    if (exception.status().detail() != nullptr) error.cause = exception.status();
    return exception.status();
  } catch (const std::bad_alloc& exception) {
    error.exception_type = detail::TypeName(typeid(exception));
    return ResourceExhausted(prefix + "ran out of memory");
  } catch (const std::exception& exception) {
    error.exception_type = detail::TypeName(typeid(exception));
    error.cause = Nested(exception, depth);
    return Status(StatusCode::kUnknown, prefix + "threw " + error.exception_type + ": " + exception.what());
  } catch (...) {
    if (const std::type_info* type = abi::__cxa_current_exception_type())
      error.exception_type = detail::TypeName(*type);
    return Status(StatusCode::kUnknown, prefix + "threw " + error.exception_type);
  }
}

Status Nested(const std::exception& exception, int depth) {
  if (depth >= kMostCauses) return {};
  try {
    std::rethrow_if_nested(exception);
    return {};
  } catch (...) {
    auto error = std::make_shared<TaskError>();
    Status status = Describe("", *error, depth + 1);
    return std::move(status).WithDetail(std::move(error));
  }
}

}  // namespace

Status MakeError(ErrorKind kind, StatusCode code, std::string message, std::string task, Status cause) {
  auto error = std::make_shared<TaskError>();
  error->kind = kind;
  error->task = std::move(task);
  error->cause = std::move(cause);
  return Status(code, std::move(message)).WithDetail(std::move(error));
}

Status Returned(const detail::Task& task, int attempt, Status status) {
  auto error = std::make_shared<TaskError>();
  error->task = task.Name();
  error->attempt = attempt;
  if (status.detail() != nullptr) error->cause = status;
  return std::move(status).WithDetail(std::move(error));
}

Status Thrown(const detail::Task& task, int attempt) {
  auto error = std::make_shared<TaskError>();
  error->task = task.Name();
  error->attempt = attempt;
  Status status = Describe(error->task + " ", *error, 0);
  return std::move(status).WithDetail(std::move(error));
}

}  // namespace triune::compute
