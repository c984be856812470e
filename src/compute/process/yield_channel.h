// A generator's way to its driver.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "compute/process/driver_connection.h"
#include "compute/process/run_message.h"
#include "triune/core/detail/encoder.h"
#include "triune/core/detail/remote_function.h"
#include "triune/core/detail/task.h"
#include "triune/core/detail/yield_sink.h"

namespace triune::compute {

/// In a worker, while it runs the task with that header. Thread-compatible.
class YieldChannel final : public detail::YieldSink {
 public:
  YieldChannel(DriverConnection& driver, const detail::RemoteFunction& function, const RunHeader& header,
               const detail::Frame& frame)
      : driver_(driver), function_(function), header_(header), frame_(frame), room_(header.room) {}

  Status Yield(const void* value) override;

 private:
  bool is_cancelled() const;
  Status NotWanted() const;
  Status Send(const void* value);
  Status AwaitRoom();

  DriverConnection& driver_;
  const detail::RemoteFunction& function_;
  const RunHeader& header_;
  const detail::Frame& frame_;
  uint32_t room_;
  uint64_t yielded_ = 0;
  detail::Encoder encoder_;
  std::vector<std::byte> outgoing_;
};

}  // namespace triune::compute
