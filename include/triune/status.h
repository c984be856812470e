// Status and Result: how every fallible function of Triune reports failure.
#pragma once

#include <cassert>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace triune {

/// Canonical codes; the numbers are gRPC's (https://grpc.github.io/grpc/core/md_doc_statuscodes.html).
enum class StatusCode : uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};
inline constexpr int kStatusCodeCount = 17;

/// "OK", "INVALID_ARGUMENT", ...: gRPC's own spelling.
std::string_view StatusCodeName(StatusCode code);

/// More about an error, for programs: TaskError is one. Immutable.
class StatusDetail {
 public:
  virtual ~StatusDetail() = default;
};

/// The outcome of an operation: OK, or a code with a message for the person who caused it. One pointer, null when OK.
/// Messages have their fixed text first and values last: "input dtype differs from signature: got FP64, want FP32".
/// Thread-compatible.
class [[nodiscard]] Status {
 public:
  Status() noexcept = default;
  Status(StatusCode code, std::string message);
  Status(const Status& other) : rep_(other.rep_ ? std::make_unique<Rep>(*other.rep_) : nullptr) {}
  Status& operator=(const Status& other) {
    if (this != &other) rep_ = other.rep_ ? std::make_unique<Rep>(*other.rep_) : nullptr;
    return *this;
  }
  Status(Status&&) noexcept = default;
  Status& operator=(Status&&) noexcept = default;

  bool ok() const noexcept { return rep_ == nullptr; }
  StatusCode code() const noexcept { return rep_ ? rep_->code : StatusCode::kOk; }
  /// Empty when OK. Valid as long as this Status.
  std::string_view message() const noexcept { return rep_ ? std::string_view(rep_->message) : std::string_view(); }
  /// "NOT_FOUND: no such model: iris".
  std::string ToString() const;
  /// The same code with `context` and ": " put before the message. OK stays OK.
  Status WithContext(std::string_view context) const;

  /// Null when there is none. WithContext keeps it.
  const StatusDetail* detail() const noexcept { return rep_ ? rep_->detail.get() : nullptr; }
  /// The same error with this detail. Not for OK.
  Status WithDetail(std::shared_ptr<const StatusDetail> detail) && {
    assert(!ok());
    rep_->detail = std::move(detail);
    return std::move(*this);
  }

 private:
  struct Rep {
    StatusCode code;
    std::string message;
    std::shared_ptr<const StatusDetail> detail{};
  };
  std::unique_ptr<Rep> rep_;
};

Status Cancelled(std::string message);
Status InvalidArgument(std::string message);
Status DeadlineExceeded(std::string message);
Status NotFound(std::string message);
Status AlreadyExists(std::string message);
Status PermissionDenied(std::string message);
Status ResourceExhausted(std::string message);
Status FailedPrecondition(std::string message);
Status Unimplemented(std::string message);
Status Internal(std::string message);
Status Unavailable(std::string message);

/// A value, or the Status that says why there is none. Never holds an OK Status.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<1>, std::move(value)) {}
  Result(Status status) : state_(std::in_place_index<0>, std::move(status)) { assert(!std::get<0>(state_).ok()); }

  bool ok() const noexcept { return state_.index() == 1; }
  Status status() const& { return ok() ? Status() : std::get<0>(state_); }
  Status status() && { return ok() ? Status() : std::move(std::get<0>(state_)); }
  // NOLINTBEGIN(clang-analyzer-core.uninitialized.UndefReturn): not for one who has looked at ok()
  T& value() & { return assert(ok()), *std::get_if<1>(&state_); }
  const T& value() const& { return assert(ok()), *std::get_if<1>(&state_); }
  T&& value() && { return assert(ok()), std::move(*std::get_if<1>(&state_)); }
  // NOLINTEND(clang-analyzer-core.uninitialized.UndefReturn)
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<Status, T> state_;
};

}  // namespace triune

#define TRIUNE_CONCAT_INNER(a, b) a##b
#define TRIUNE_CONCAT(a, b) TRIUNE_CONCAT_INNER(a, b)

/// Returns from the enclosing function when `expr` (a Status) is not OK.
#define TRIUNE_RETURN_IF_ERROR(expr)          \
  do {                                        \
    ::triune::Status triune_status_ = (expr); \
    if (!triune_status_.ok()) [[unlikely]]    \
      return triune_status_;                  \
  } while (false)

/// TRIUNE_ASSIGN_OR_RETURN(auto x, F()): x is the value of the Result, or the enclosing function returns its Status.
#define TRIUNE_ASSIGN_OR_RETURN(lhs, expr) \
  TRIUNE_ASSIGN_OR_RETURN_IMPL(TRIUNE_CONCAT(triune_result_, __COUNTER__), lhs, expr)
#define TRIUNE_ASSIGN_OR_RETURN_IMPL(result, lhs, expr) \
  auto result = (expr);                                 \
  if (!result.ok()) [[unlikely]]                        \
    return std::move(result).status();                  \
  lhs = std::move(result).value()
