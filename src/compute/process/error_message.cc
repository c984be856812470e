#include "compute/process/error_message.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "triune/core/errors.h"

namespace triune::compute {
namespace {

constexpr int kMostCauses = 32;
constexpr uint32_t kMostCalls = 256;
/// Of what somebody throws, which must fit into a message.
constexpr size_t kMostText = 4096;

std::string_view Start(std::string_view text) { return text.substr(0, kMostText); }

void Write(MessageWriter& message, const Status& status, int depth) {
  message.Put(status.code());
  if (status.ok()) return;
  message.Text(Start(status.message()));
  const TaskError* error = depth < kMostCauses ? TaskError::Of(status) : nullptr;
  message.Put(static_cast<uint8_t>(error != nullptr));
  if (error == nullptr) return;
  message.Put(error->kind);
  message.Text(Start(error->task));
  message.Text(Start(error->exception_type));
  message.Put(error->attempt);
  const auto calls = std::min(static_cast<uint32_t>(error->stack.size()), kMostCalls);
  message.Put(calls);
  for (uint32_t i = 0; i < calls; ++i) message.Text(Start(error->stack[i]).substr(0, 512));
  Write(message, error->cause, depth + 1);
}

Status Read(MessageReader& message, int depth) {
  const auto code = message.Take<StatusCode>();
  if (code == StatusCode::kOk) return {};
  Status status(static_cast<int>(code) < kStatusCodeCount ? code : StatusCode::kUnknown, message.Text());
  if (message.Take<uint8_t>() == 0 || depth > kMostCauses) return status;
  auto error = std::make_shared<TaskError>();
  error->kind = message.Take<ErrorKind>();
  if (ErrorKindName(error->kind).empty()) error->kind = ErrorKind::kTaskFailed;
  error->task = message.Text();
  error->exception_type = message.Text();
  error->attempt = message.Take<int>();
  const auto calls = std::min(message.Take<uint32_t>(), kMostCalls);
  for (uint32_t i = 0; i < calls && !message.failed(); ++i) error->stack.push_back(message.Text());
  error->cause = Read(message, depth + 1);
  return std::move(status).WithDetail(std::move(error));
}

}  // namespace

void WriteStatus(MessageWriter& message, const Status& status) { Write(message, status, 0); }
Status ReadStatus(MessageReader& message) { return Read(message, 0); }

}  // namespace triune::compute
