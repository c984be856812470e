#include "compute/process/driver_connection.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "compute/process/error_message.h"
#include "compute/process/nested.h"
#include "compute/remote/convert.h"

namespace triune::compute {
namespace {

constexpr int kDriverMakesNoSense = 70;  // EX_SOFTWARE
/// With several calls on their way the driver looks every millisecond by itself.
constexpr int kResultsPerRing = 32;
constexpr Duration kLookAgain = std::chrono::milliseconds(100);
constexpr size_t kMostReleases = 1024;
constexpr Duration kRingAtLeastEvery = std::chrono::microseconds(50);

bool Never() { return false; }

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
  auto write = [&](std::span<const std::byte> bytes) {
    while (!OrExit(link_.TryWrite(bytes))) {
      link_.Flush();
      sched_yield();
    }
  };
  write(message);
  // Afterwards: the message may speak of them. All of them, and seen together with it: after the result of a task it
  // may be long before the driver looks again.
  while (true) {
    Bytes bytes;
    MessageWriter releases(bytes, MessageKind::kRelease);
    WriteReleases(releases);
    if (bytes.size() == sizeof(MessageKind) + sizeof(uint32_t)) break;
    write(bytes);
  }
  link_.Flush(ring);
}

void DriverConnection::WriteReleases(MessageWriter& message) {
  std::lock_guard lock(releases_mutex_);
  const size_t count = std::min(releases_.size(), kMostReleases);
  message.Put(static_cast<uint32_t>(count));
  for (size_t i = 0; i < count; ++i) message.Put(releases_[i]);
  releases_.erase(releases_.begin(), releases_.begin() + static_cast<ptrdiff_t>(count));
}

void DriverConnection::Give(Release release) {
  std::lock_guard lock(releases_mutex_);
  releases_.push_back(release);
}

Status DriverConnection::CheckLength(std::span<const std::byte> message) const {
  if (message.size() <= link_.longest_message()) return {};
  return InvalidArgument("too much to be sent: " + std::to_string(message.size()) +
                         " bytes beside those in shared memory, at most " + std::to_string(link_.longest_message()));
}

template <typename Ready>
void DriverConnection::Await(std::unique_lock<std::mutex>& lock, TimePoint deadline, bool (*is_interrupted)(),
                             Ready ready) {
  while (!ready()) {
    Receive();
    if (ready() || std::chrono::steady_clock::now() >= deadline) return;
    const TimePoint look_again = std::min(deadline, std::chrono::steady_clock::now() + kLookAgain);
    if (somebody_looks_) {
      received_.wait_until(lock, look_again);
      continue;
    }
    somebody_looks_ = true;
    lock.unlock();
    std::ignore = link_.incoming().WaitUntil([&] { return link_.HasMessage() || is_interrupted(); }, look_again);
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
        if (awaited_.contains(request)) replies_[request] = std::move(bytes);
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

std::optional<DriverConnection::Bytes> DriverConnection::Request(uint64_t request, std::span<const std::byte> message,
                                                                 TimePoint deadline, bool (*is_interrupted)()) {
  std::unique_lock lock(mutex_);
  awaited_.insert(request);
  SendLocked(message);
  Await(lock, deadline, is_interrupted, [&] { return stop_ || replies_.contains(request) || is_interrupted(); });
  awaited_.erase(request);
  auto found = replies_.find(request);
  if (found == replies_.end()) {
    if (stop_) _exit(0);  // the session ends
    return std::nullopt;
  }
  Bytes reply = std::move(found->second);
  replies_.erase(found);
  return reply;
}

std::optional<DriverConnection::Bytes> DriverConnection::NextTask() {
  std::unique_lock lock(mutex_);
  Await(lock, kNever, &Never, [&] { return stop_ || !tasks_.empty(); });
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
  const Bytes reply = *Request(request, question);
  MessageReader reader(reply);
  TRIUNE_RETURN_IF_ERROR(ReadStatus(reader));
  const auto block = reader.Take<uint64_t>();
  TRIUNE_ASSIGN_OR_RETURN(std::span<std::byte> place, memory_.Slice(block, bytes.size()));
  std::memcpy(place.data(), bytes.data(), bytes.size());
  return PieceInBlock{.block = block, .begin = 0, .size = bytes.size()};
}

Result<shm::Block> DriverConnection::ExchangeDagBlock(uint64_t dag, uint64_t old, uint64_t bytes) {
  const uint64_t request = NewRequest();
  Bytes question;
  MessageWriter message(question, MessageKind::kDagBlock);
  message.Put(request);
  message.Put(dag);
  message.Put(old);
  message.Put(bytes);
  const Bytes reply = *Request(request, question);
  MessageReader reader(reply);
  TRIUNE_RETURN_IF_ERROR(ReadStatus(reader));
  shm::Block block;
  block.offset = reader.Take<uint64_t>();
  block.bytes = reader.Take<uint64_t>();
  return block;
}

void DriverConnection::DropLease(void* lease) {
  const std::unique_ptr<Lease> last(static_cast<Lease*>(lease));
  last->connection->Give({.what = Release::kBlock, .number = last->block});
}

Result<Buffer> DriverConnection::Open(const PieceInBlock& piece) {
  auto* lease = new Lease{this, piece.block};
  Result<std::span<std::byte>> place = memory_.Slice(piece.block + piece.begin, piece.size);
  if (!place.ok()) {
    delete lease;
    return std::move(place).status();
  }
  return Buffer::Adopt(place->data(), place->size(), lease, &DropLease);
}

Result<Buffer> DriverConnection::Copy(std::span<const std::byte> bytes) {
  if (bytes.empty()) return Buffer();
  TRIUNE_ASSIGN_OR_RETURN(const PieceInBlock piece, Place(bytes));
  return Open(piece);
}

std::optional<PieceInBlock> DriverConnection::Share(const Buffer& buffer) {
  auto* lease = static_cast<Lease*>(buffer.owner(&DropLease));
  if (lease == nullptr) return std::nullopt;
  const auto begin = static_cast<uint64_t>(buffer.data() - (memory_.data() + lease->block));
  return PieceInBlock{.block = lease->block, .begin = begin, .size = buffer.size(), .shared = 1};
}

/// The driver's object lives as long as this.
class DriverConnection::KeptHandle final : public detail::ReceivedObject::Origin {
 public:
  KeptHandle(DriverConnection& connection, uint64_t handle) : connection_(connection), handle_(handle) {}
  ~KeptHandle() override { connection_.Give({.what = Release::kReference, .number = handle_}); }
  uint64_t handle() const noexcept override { return handle_; }

 private:
  DriverConnection& connection_;
  const uint64_t handle_;
};

/// Each is for one object; those that nobody takes are released.
class DriverConnection::HandleReferences final : public detail::ReferenceSource {
 public:
  HandleReferences(DriverConnection& connection, const std::vector<uint64_t>& handles) {
    for (uint64_t handle : handles) kept_.push_back(connection.Keep(handle));
  }
  detail::ObjectPointer Take(uint32_t number, const detail::ObjectMaker& maker) const override {
    std::unique_ptr<detail::ReceivedObject::Origin>& origin = kept_.at(number);
    if (origin == nullptr) throw std::logic_error("a reference that was taken already");
    auto object = detail::Pointer<detail::ReceivedObject>::Adopt(maker.make());
    object->SetCodec(maker.codec);
    object->SetOrigin(std::move(origin));
    return object;
  }

 private:
  mutable std::vector<std::unique_ptr<detail::ReceivedObject::Origin>> kept_;
};

uint64_t DriverConnection::NewHandle() { return kWorkersHandles | (last_handle_.fetch_add(1) + 1); }

std::unique_ptr<detail::ReceivedObject::Origin> DriverConnection::Keep(uint64_t handle) {
  return std::make_unique<KeptHandle>(*this, handle);
}

Result<std::shared_ptr<const detail::ReferenceSource>> DriverConnection::References(std::vector<uint64_t> handles) {
  return std::shared_ptr<const detail::ReferenceSource>(std::make_shared<HandleReferences>(*this, handles));
}

Result<uint64_t> DriverConnection::Refer(const detail::ObjectPointer& object, const detail::ValueCodec* codec) {
  detail::ReceivedObject* received = object->received();
  {
    std::lock_guard lock(put_mutex_);
    if (received != nullptr && received->origin() != nullptr) return received->origin()->handle();
  }
  // A value of this process: from here on the driver has it, too.
  const detail::ObjectUse use(object);
  if (!use.ready()) return InvalidArgument("a reference to nothing that could be sent");
  TRIUNE_RETURN_IF_ERROR(use.status());
  if (received == nullptr || codec == nullptr) return InvalidArgument("a reference to nothing that could be sent");
  const uint64_t handle = NewHandle();
  Bytes bytes;
  MessageWriter message(bytes, MessageKind::kPut);
  message.Put(handle);
  detail::Encoder encoder;
  TRIUNE_RETURN_IF_ERROR(EncodeAs(encoder, *codec, {.value = object->value(), .type = &object->value_type()}));
  TRIUNE_RETURN_IF_ERROR(WriteValue(message, encoder, *this));
  TRIUNE_RETURN_IF_ERROR(CheckLength(bytes));
  Send(bytes);
  std::lock_guard lock(put_mutex_);
  auto origin = Keep(handle);
  if (received->origin() == nullptr) received->SetOrigin(std::move(origin));
  return received->origin()->handle();
}

}  // namespace triune::compute
