// The bytes of messages between a driver and its workers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace triune::compute {

/// The first byte of each message.
enum class MessageKind : uint8_t {
  // To the worker.
  kRun = 1,  ///< RunHeader, name, arguments.
  kReply,    ///< u64 request, and what was asked for.
  kStop,
  // To the driver.
  kHello,   ///< u64 number of registered functions, i64 the process's own number.
  kResult,  ///< u32 slot, u32 sequence, u32 count, that many Releases, status; when that is OK and the function has a
            ///< result, the value.
  kNeedBlock,  ///< u64 request, u64 bytes. Reply: status, u64 offset.
  kRelease,    ///< u32 count, that many Releases.
  kSubmit,     ///< SubmitHeader, ...: see nested.h.
  kPut,        ///< u64 handle, the value.
  kWait,       ///< u64 request, WaitHeader, handles. Reply: status, u32 count, numbers; of one object alone that is
               ///< ready its status, and the value. When none are needed there is a reply at once.
  kForget,     ///< u64 request: a kWait whose reply nobody waits for any more.
  kDagBlock,   ///< u64 request, u64 number of a compiled DAG's memory, u64 offset of the block that it needs no more (0:
               ///< none), u64 bytes. Reply: status, u64 offset, u64 bytes.
  kFree,       ///< u64 request, u64 handle. Reply: status.
  kContains,   ///< u64 request, u64 handle. Reply: u8 whether there is a value.
  kCancel,     ///< u64 request, u64 handle, u8 recursive, u8 force. Reply: u8 in time.
  // About actors; see nested.h.
  kCreateActor,  ///< ActorHeader, ...
  kCallActor,    ///< CallHeader, ...
  kKillActor,    ///< u64 handle of the actor, u8 restart.
  kActorReady,   ///< u64 handle of the actor, u64 handle: of an object that is ready when the actor is there.
  kFindActor,    ///< u64 request, u64 handle of the actor from now on, u64 its constructor, its name. Reply: status.
  // Of generators.
  kYield,      ///< u32 slot, u32 sequence, the value. Only as many as there is room for.
  kAwaitRoom,  ///< u64 request, u32 slot. Reply, when a generator may go on: status, u32 room for so many values; 0
               ///< when nobody wants more.
};

/// What the worker needs no more.
struct Release {
  enum What : uint64_t { kBlock, kReference };
  uint64_t what;
  uint64_t number;  ///< The block's offset, or the reference's handle.
};

/// Appends to a vector. Both ends are the same program on the same machine: numbers are as they lie in memory.
class MessageWriter {
 public:
  explicit MessageWriter(std::vector<std::byte>& out) : out_(out) {}
  MessageWriter(std::vector<std::byte>& out, MessageKind kind) : out_(out) {
    out_.clear();
    Put(kind);
  }

  template <typename T>
    requires std::is_trivially_copyable_v<T>
  void Put(const T& value) {
    Bytes(std::as_bytes(std::span(&value, 1)));
  }
  void Text(std::string_view text) {
    Put(static_cast<uint32_t>(text.size()));
    Bytes(std::as_bytes(std::span(text)));
  }
  void Bytes(std::span<const std::byte> bytes) {
    if (bytes.empty()) return;
    const size_t begin = out_.size();
    out_.resize(begin + bytes.size());
    std::memcpy(out_.data() + begin, bytes.data(), bytes.size());
  }
  size_t size() const { return out_.size(); }

 private:
  std::vector<std::byte>& out_;
};

/// Reads what somebody else has written, who may have gone astray: never beyond the end. After that has been tried,
/// failed() is true, and everything reads as zeros.
class MessageReader {
 public:
  explicit MessageReader(std::span<const std::byte> bytes) : left_(bytes) {}

  template <typename T>
    requires std::is_trivially_copyable_v<T>
  T Take() {
    T value{};
    std::span<const std::byte> bytes = Bytes(sizeof(T));
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  std::string Text() {
    const auto size = Take<uint32_t>();
    std::span<const std::byte> bytes = Bytes(size);
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  std::span<const std::byte> Bytes(uint64_t size) {
    if (size > left_.size()) {
      failed_ = true;
      left_ = {};
      return {};
    }
    std::span<const std::byte> bytes = left_.first(static_cast<size_t>(size));
    left_ = left_.subspan(static_cast<size_t>(size));
    return bytes;
  }
  bool failed() const { return failed_; }
  size_t left() const { return left_.size(); }

 private:
  std::span<const std::byte> left_;
  bool failed_ = false;
};

}  // namespace triune::compute
