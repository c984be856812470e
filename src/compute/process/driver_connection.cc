#include "compute/process/driver_connection.h"

#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <string>
#include <utility>

#include "compute/process/error_message.h"

namespace triune::compute {
namespace {

constexpr int kDriverMakesNoSense = 70;  // EX_SOFTWARE
/// With several calls on their way the driver looks every millisecond by itself.
constexpr int kResultsPerRing = 32;
constexpr Duration kRingAtLeastEvery = std::chrono::microseconds(50);

/// What can't be done without, or there is no use in going on.
template <typename T>
T OrExit(Result<T> result) {
  if (!result.ok()) {
    dprintf(STDERR_FILENO, "a process for tasks ends: %s\n", result.status().ToString().c_str());
    _exit(kDriverMakesNoSense);
  }
  return std::move(result).value();
}

}  // namespace

struct DriverConnection::Lease {
  DriverConnection* connection;
  uint64_t block;
};

void DriverConnection::Send(std::span<const std::byte> message) {
  std::lock_guard lock(mutex_);
  SendLocked(message);
}

void DriverConnection::SendResult(std::span<const std::byte> message) {
  std::lock_guard lock(mutex_);
  const TimePoint now = std::chrono::steady_clock::now();
  const bool more_to_do = !tasks_.empty() || link_.HasMessage();
  const bool ring = !more_to_do || ++results_unheard_ >= kResultsPerRing || now - last_ring_ > kRingAtLeastEvery;
  if (ring) {
    results_unheard_ = 0;
    last_ring_ = now;
  }
  SendLocked(message, ring);
}

void DriverConnection::SendLocked(std::span<const std::byte> message, bool ring) {
  // The driver reads all the time while a task runs: room comes soon.
  auto send = [&](std::span<const std::byte> bytes) {
    while (!OrExit(link_.TryWrite(bytes))) {
      link_.Flush();
      sched_yield();
    }
    link_.Flush(ring);
  };
  send(message);
  // Afterwards: the message may speak of them.
  Bytes bytes;
  for (uint64_t block : TakeDrops()) {
    MessageWriter(bytes, MessageKind::kDrop).Put(block);
    send(bytes);
  }
}

std::vector<uint64_t> DriverConnection::TakeDrops() {
  std::lock_guard lock(drops_mutex_);
  return std::exchange(drops_, {});
}

template <typename Ready>
void DriverConnection::Await(std::unique_lock<std::mutex>& lock, Ready ready) {
  while (!ready()) {
    Receive();
    if (ready()) return;
    if (somebody_looks_) {
      received_.wait(lock);
      continue;
    }
    somebody_looks_ = true;
    lock.unlock();
    std::ignore = link_.incoming().WaitUntil([this] { return link_.HasMessage(); });
    lock.lock();
    somebody_looks_ = false;
    Receive();
    received_.notify_all();
  }
}

void DriverConnection::Receive() {
  if (somebody_looks_) return;
  while (auto message = OrExit(link_.Peek())) {
    Bytes bytes(message->begin(), message->end());
    link_.Pop();
    MessageReader reader(bytes);
    switch (reader.Take<MessageKind>()) {
      case MessageKind::kRun:
        tasks_.push_back(std::move(bytes));
        break;
      case MessageKind::kReply: {
        const auto request = reader.Take<uint64_t>();
        bytes.erase(bytes.begin(), bytes.end() - static_cast<ptrdiff_t>(reader.left()));
        replies_[request] = std::move(bytes);
        break;
      }
      default:
        stop_ = true;
    }
  }
}

uint64_t DriverConnection::NewRequest() {
  std::lock_guard lock(mutex_);
  return ++last_request_;
}

DriverConnection::Bytes DriverConnection::Request(uint64_t request, std::span<const std::byte> message) {
  std::unique_lock lock(mutex_);
  SendLocked(message);
  Await(lock, [&] { return stop_ || replies_.contains(request); });
  auto found = replies_.find(request);
  if (found == replies_.end()) _exit(0);  // the session ends
  Bytes reply = std::move(found->second);
  replies_.erase(found);
  return reply;
}

std::optional<DriverConnection::Bytes> DriverConnection::NextTask() {
  std::unique_lock lock(mutex_);
  Await(lock, [&] { return stop_ || !tasks_.empty(); });
  if (tasks_.empty()) return std::nullopt;
  Bytes task = std::move(tasks_.front());
  tasks_.pop_front();
  return task;
}

Result<PieceInBlock> DriverConnection::Place(std::span<const std::byte> bytes) {
  const uint64_t request = NewRequest();
  Bytes question;
  MessageWriter message(question, MessageKind::kNeedBlock);
  message.Put(request);
  message.Put(static_cast<uint64_t>(bytes.size()));
  const Bytes reply = Request(request, question);
  MessageReader reader(reply);
  TRIUNE_RETURN_IF_ERROR(ReadStatus(reader));
  const auto block = reader.Take<uint64_t>();
  TRIUNE_ASSIGN_OR_RETURN(std::span<std::byte> place, memory_.Slice(block, bytes.size()));
  std::memcpy(place.data(), bytes.data(), bytes.size());
  return PieceInBlock{.block = block, .begin = 0, .size = bytes.size()};
}

void DriverConnection::Release(void* lease) {
  auto* last = static_cast<Lease*>(lease);
  {
    std::lock_guard lock(last->connection->drops_mutex_);
    last->connection->drops_.push_back(last->block);
  }
  delete last;
}

Result<Buffer> DriverConnection::Open(const PieceInBlock& piece) {
  auto* lease = new Lease{this, piece.block};
  Result<std::span<std::byte>> place = memory_.Slice(piece.block + piece.begin, piece.size);
  if (!place.ok()) {
    delete lease;
    return std::move(place).status();
  }
  return Buffer::Adopt(place->data(), place->size(), lease, &Release);
}

std::optional<PieceInBlock> DriverConnection::Share(const Buffer& buffer) {
  auto* lease = static_cast<Lease*>(buffer.owner(&Release));
  if (lease == nullptr) return std::nullopt;
  const auto begin = static_cast<uint64_t>(buffer.data() - (memory_.data() + lease->block));
  return PieceInBlock{.block = lease->block, .begin = begin, .size = buffer.size(), .shared = 1};
}

}  // namespace triune::compute
