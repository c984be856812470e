// A Status as an exception.
#pragma once

#include <exception>
#include <string>
#include <utility>

#include "triune/status.h"

namespace triune {

/// Thrown where a coroutine awaits what fails: the status is that of what it has awaited. A task that does not catch it
/// fails with that code and message, and the status as the cause.
class StatusError : public std::exception {
 public:
  /// `status`: an error.
  explicit StatusError(Status status) : status_(std::move(status)), what_(status_.ToString()) {}
  const Status& status() const noexcept { return status_; }
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  Status status_;
  std::string what_;
};

}  // namespace triune
