#include "compute/process/nested_calls.h"

#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "compute/process/error_message.h"
#include "compute/process/nested.h"
#include "compute/process/stored_objects.h"
#include "compute/remote/convert.h"
#include "compute/spin.h"
#include "compute/start_task.h"
#include "triune/core/detail/generator_stream.h"
#include "triune/core/detail/names.h"

namespace triune::compute {
namespace {

/// Objects that one worker may refer to.
constexpr size_t kMostKnown = size_t{16} << 20U;
constexpr size_t kMostWaits = 4096;

}  // namespace

/// Objects that the worker waits for.
class NestedCalls::Wait {
 public:
  Wait(NestedCalls& calls, uint64_t request, std::vector<Known> objects, uint32_t needed, uint32_t slot, bool blocks)
      : calls_(calls), request_(request), objects_(std::move(objects)), needed_(needed), slot_(slot), blocks_(blocks) {}
  ~Wait() {
    uint32_t called = 0;
    for (Entry& entry : entries_) {
      if (entry.is_listed && !entry.object.RemoveWaiter(entry)) ++called;
    }
    Spinner spinner;
    while (called_.load(std::memory_order_acquire) < called) spinner.Pause();
    if (stream_ != nullptr) stream_->ForgetRoom();
    for (Entry& entry : entries_) entry.EndUse(entry.object);
  }
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

  /// What the generator that waits for room yields to.
  void SetStream(detail::GeneratorStream& stream) {
    stream_ = &stream;
    task_ = detail::Pointer<detail::Task>(&stream.task());
  }
  detail::GeneratorStream* stream() const { return stream_; }

  /// True when there are enough already.
  bool Begin() {
    uint32_t ready = 0;
    for (const Known& known : objects_) {
      Entry& entry = entries_.emplace_back(*this, *known.object);
      entry.is_listed = known.object->AddUser(entry);
      if (!entry.is_listed) ++ready;
    }
    return ready > 0 && ready_.fetch_add(ready) < needed_ && ready_.load() >= needed_;
  }

  /// Of one that has begun, and is ready: the worker is to get its value, which stays meanwhile.
  const Status& StatusOf(size_t number) const { return entries_[number].StatusOf(entries_[number].object); }
  bool has_begun() const { return !entries_.empty(); }

  uint64_t request() const { return request_; }
  const std::vector<Known>& objects() const { return objects_; }
  uint32_t slot() const { return slot_; }
  bool blocks() const { return blocks_; }

 private:
  struct Entry final : detail::ValueUser {
    Entry(Wait& w, detail::Object& o) : wait(w), object(o) {}
    void OnReady(detail::Object&) noexcept override {
      if (wait.ready_.fetch_add(1) + 1 == wait.needed_) wait.calls_.OnEnough(wait.request_);
      wait.called_.fetch_add(1, std::memory_order_release);  // it may be gone from here on
    }
    Wait& wait;
    detail::Object& object;
    bool is_listed = false;
  };

  NestedCalls& calls_;
  const uint64_t request_;
  const std::vector<Known> objects_;
  const uint32_t needed_;
  const uint32_t slot_;
  const bool blocks_;
  detail::GeneratorStream* stream_ = nullptr;
  detail::Pointer<detail::Task> task_;  ///< Keeps the stream.
  std::deque<Entry> entries_;
  std::atomic<uint32_t> ready_{0};
  std::atomic<uint32_t> called_{0};
};

NestedCalls::NestedCalls(ProcessHost& host, SharedMemory& memory, shm::Holder holder, Worker& worker)
    : host_(host), memory_(memory), holder_(holder), worker_(worker), pieces_(memory, holder) {}

NestedCalls::~NestedCalls() { ForgetAll(); }

void NestedCalls::ForgetAll() noexcept {
  waits_.clear();
  awaiting_room_ = 0;
  if (std::exchange(blocking_, 0) > 0) host_.EndBlocking();
  known_.clear();
}

void NestedCalls::OnEnough(uint64_t request) noexcept {
  {
    std::lock_guard lock(mutex_);
    enough_.push_back(request);
  }
  worker_.Wake();
}

Status NestedCalls::Handle(MessageKind kind, MessageReader& message) {
  switch (kind) {
    case MessageKind::kNeedBlock:
      return HandleNeedBlock(message);
    case MessageKind::kDagBlock:
      return HandleDagBlock(message);
    case MessageKind::kRelease:
      return HandleReleases(message);
    case MessageKind::kSubmit:
      return HandleSubmit(message);
    case MessageKind::kPut:
      return HandlePut(message);
    case MessageKind::kWait:
      return HandleWait(message);
    case MessageKind::kForget:
      EndWait(message.Take<uint64_t>());
      return {};
    case MessageKind::kCancel:
      return HandleCancel(message);
    case MessageKind::kCreateActor:
      return HandleCreateActor(message);
    case MessageKind::kCallActor:
      return HandleCallActor(message);
    case MessageKind::kKillActor:
      return HandleKillActor(message);
    case MessageKind::kActorReady:
      return HandleActorReady(message);
    case MessageKind::kFindActor:
      return HandleFindActor(message);
    case MessageKind::kAwaitRoom:
      return HandleAwaitRoom(message);
    case MessageKind::kFree:
      return HandleFree(message);
    case MessageKind::kContains:
      return HandleContains(message);
    default:
      return InvalidArgument("a message of an unknown kind");
  }
}

Status NestedCalls::HandleReleases(MessageReader& message) {
  for (auto count = message.Take<uint32_t>(); count > 0 && !message.failed(); --count) {
    const auto release = message.Take<Release>();
    if (release.what == Release::kReference) {
      if (known_.erase(release.number) == 0) return InvalidArgument("it has no such reference");
    } else {
      TRIUNE_RETURN_IF_ERROR(memory_.leases().Drop(holder_, release.number));
    }
  }
  return {};
}

Status NestedCalls::HandleNeedBlock(MessageReader& message) {
  const auto request = message.Take<uint64_t>();
  const auto bytes = message.Take<uint64_t>();
  Result<shm::Block> block = memory_.Grant(holder_, bytes);
  MessageWriter reply(outgoing_, MessageKind::kReply);
  reply.Put(request);
  WriteStatus(reply, block.status());
  reply.Put(block.ok() ? block->offset : uint64_t{0});
  return worker_.Send(outgoing_);
}

Status NestedCalls::HandleDagBlock(MessageReader& message) {
  const auto request = message.Take<uint64_t>();
  const auto dag = message.Take<uint64_t>();
  const auto old = message.Take<uint64_t>();
  const auto bytes = message.Take<uint64_t>();
  if (message.failed()) return InvalidArgument("a question that ends too early");
  const Result<shm::Block> block = memory_.ExchangeDagBlock(dag, old, bytes);
  MessageWriter reply(outgoing_, MessageKind::kReply);
  reply.Put(request);
  WriteStatus(reply, block.status());
  reply.Put(block.ok() ? block->offset : uint64_t{0});
  reply.Put(block.ok() ? block->bytes : uint64_t{0});
  return worker_.Send(outgoing_);
}

Status NestedCalls::Add(uint64_t handle, Known known) {
  if (known_.size() >= kMostKnown) return ResourceExhausted("too many references");
  if (!known_.emplace(handle, std::move(known)).second) return InvalidArgument("a handle that is in use");
  return {};
}

Result<uint64_t> NestedCalls::Refer(const detail::ObjectPointer& object, const detail::ValueCodec* codec) {
  TRIUNE_RETURN_IF_ERROR(Add(++last_handle_, {object, codec}));
  unsent_.push_back(last_handle_);
  return last_handle_;
}

void NestedCalls::TakeBack(const Parts& parts) {
  pieces_.TakeBack(parts.blocks);
  for (uint64_t handle : parts.references) known_.erase(handle);
}

NestedCalls::Parts NestedCalls::Sent() { return {.blocks = pieces_.Sent(), .references = std::exchange(unsent_, {})}; }

Result<std::vector<detail::ObjectPointer>> NestedCalls::Objects(std::span<const uint64_t> handles) const {
  std::vector<detail::ObjectPointer> objects;
  for (uint64_t handle : handles) {
    auto found = known_.find(handle);
    if (found == known_.end()) return InvalidArgument("it has no such reference");
    objects.push_back(found->second.object);
  }
  return objects;
}

Result<std::shared_ptr<const detail::ReferenceSource>> NestedCalls::References(std::vector<uint64_t> handles) {
  TRIUNE_ASSIGN_OR_RETURN(auto objects, Objects(handles));
  return std::shared_ptr<const detail::ReferenceSource>(std::make_shared<ObjectReferences>(std::move(objects)));
}

Status NestedCalls::HandleSubmit(MessageReader& message) {
  const auto header = message.Take<SubmitHeader>();
  const detail::RemoteFunction* function = detail::RemoteRegistry::At(header.function);
  // A generator has nobody there who would take what it yields.
  if (message.failed() || function == nullptr || function->key.actor != nullptr || function->element != nullptr ||
      header.arguments != function->parameters.size()) {
    return InvalidArgument("a task that can't be");
  }
  auto options = std::make_shared<TaskOptions>();
  options->isolation = kProcess;
  options->name = message.Text();
  options->timeout = Duration(header.timeout);
  options->retries = header.retries;
  options->reconstruct = header.reconstruct != 0;
  ReadNeeds(message, *options);
  TRIUNE_ASSIGN_OR_RETURN(auto arguments, ReadArguments(message, header.arguments));
  detail::Engine& engine = host_.engine();
  auto task =
      detail::Pointer<StoredTask>::Adopt(new StoredTask(*function, std::move(arguments), engine, std::move(options)));
  TRIUNE_RETURN_IF_ERROR(Add(header.handle, {task, function->result}));
  InNameOf(header.slot, [&] { detail::StartTask(engine, *task); });
  return {};
}

template <typename Options>
void NestedCalls::ReadNeeds(MessageReader& message, Options& options) {
  const auto needs = message.Take<Needs>();
  options.cpus = needs.cpus;
  options.gpus = needs.gpus;
  options.memory = needs.memory;
  for (auto left = message.Take<uint32_t>(); left > 0 && !message.failed(); --left) {
    std::string name = message.Text();
    options.resources[std::move(name)] = message.Take<double>();
  }
  options.runtime_env.working_dir = message.Text();
  for (auto left = message.Take<uint32_t>(); left > 0 && !message.failed(); --left) {
    std::string name = message.Text();
    options.runtime_env.env_vars[std::move(name)] = message.Text();
  }
}
template void NestedCalls::ReadNeeds(MessageReader& message, TaskOptions& options);
template void NestedCalls::ReadNeeds(MessageReader& message, ActorOptions& options);

Result<std::vector<StoredArgument>> NestedCalls::ReadArguments(MessageReader& message, uint32_t count) {
  std::vector<StoredArgument> arguments;
  for (uint32_t i = 0; i < count; ++i) {
    if (message.Take<ArgumentForm>() == ArgumentForm::kReference) {
      const auto handle = message.Take<uint64_t>();
      TRIUNE_ASSIGN_OR_RETURN(auto objects, Objects({&handle, 1}));
      arguments.emplace_back(std::move(objects[0]));
    } else {
      TRIUNE_ASSIGN_OR_RETURN(ReceivedValue value, ReadValue(message, *this));
      TRIUNE_ASSIGN_OR_RETURN(auto objects, Objects(value.handles));
      arguments.emplace_back(Keep(value.decoder, std::move(value.head_block), std::move(objects)));
    }
  }
  if (message.failed()) return InvalidArgument("a task that ends too early");
  return arguments;
}

void NestedCalls::InNameOf(uint32_t slot, const std::function<void()>& what) {
  detail::Task* const asking = worker_.TaskIn(slot);
  detail::Frame* const before = detail::current_frame;
  if (asking == nullptr) {
    detail::current_frame = nullptr;
    what();
  } else {
    detail::Frame frame{.task = *asking, .outer = before, .caller = worker_.CallerIn(slot)};
    detail::current_frame = &frame;
    what();
  }
  detail::current_frame = before;
}

Status NestedCalls::HandlePut(MessageReader& message) {
  const auto handle = message.Take<uint64_t>();
  TRIUNE_ASSIGN_OR_RETURN(ReceivedValue value, ReadValue(message, *this));
  TRIUNE_ASSIGN_OR_RETURN(auto objects, Objects(value.handles));
  auto object = detail::ObjectPointer::Adopt(new StoredObject(
      host_.engine().state_book(), Keep(value.decoder, std::move(value.head_block), std::move(objects))));
  return Add(handle, {std::move(object), nullptr});
}

Status NestedCalls::HandleCancel(MessageReader& message) {
  const auto request = message.Take<uint64_t>();
  const auto handle = message.Take<uint64_t>();
  const bool recursive = message.Take<uint8_t>() != 0;
  const bool force = message.Take<uint8_t>() != 0;
  TRIUNE_ASSIGN_OR_RETURN(auto objects, Objects({&handle, 1}));
  detail::Task* task = objects[0]->task();
  const bool in_time = task != nullptr && CancelFamily(*task, {.recursive = recursive, .force = force});
  MessageWriter reply(outgoing_, MessageKind::kReply);
  reply.Put(request);
  reply.Put(static_cast<uint8_t>(in_time));
  return worker_.Send(outgoing_);
}

Status NestedCalls::HandleAwaitRoom(MessageReader& message) {
  const auto request = message.Take<uint64_t>();
  const auto slot = message.Take<uint32_t>();
  if (message.failed() || waits_.size() >= kMostWaits) return InvalidArgument("a wait that can't be");
  detail::Task* const task = worker_.TaskIn(slot);
  if (task == nullptr) return ReplyRoom(request, 0);  // given up meanwhile
  detail::GeneratorStream* const stream = task->stream();
  if (stream == nullptr) return InvalidArgument("a task that yields nothing waits for room");
  const detail::ObjectPointer room = stream->AwaitRoom();
  if (!room) return ReplyRoom(request, stream->room());
  auto wait = std::make_unique<Wait>(*this, request, std::vector<Known>{{room, nullptr}}, 1, slot, true);
  wait->SetStream(*stream);
  Wait& begun = *wait;
  if (!waits_.emplace(request, std::move(wait)).second) return InvalidArgument("a request that is there already");
  if (begun.Begin()) {
    Status status = ReplyRoom(request, stream->room());
    waits_.erase(request);
    return status;
  }
  ++awaiting_room_;
  if (blocking_++ == 0) host_.BeginBlocking();
  return {};
}

Status NestedCalls::HandleFree(MessageReader& message) {
  const auto request = message.Take<uint64_t>();
  const auto handle = message.Take<uint64_t>();
  TRIUNE_ASSIGN_OR_RETURN(auto objects, Objects({&handle, 1}));
  return Reply(request, host_.engine().FreeObject(*objects[0]));
}

Status NestedCalls::HandleContains(MessageReader& message) {
  const auto request = message.Take<uint64_t>();
  const auto handle = message.Take<uint64_t>();
  TRIUNE_ASSIGN_OR_RETURN(auto objects, Objects({&handle, 1}));
  const detail::ObjectUse use(std::move(objects[0]));
  MessageWriter reply(outgoing_, MessageKind::kReply);
  reply.Put(request);
  reply.Put(static_cast<uint8_t>(use.ready() && use.status().ok()));
  return worker_.Send(outgoing_);
}

Status NestedCalls::HandleWait(MessageReader& message) {
  const auto request = message.Take<uint64_t>();
  const auto header = message.Take<WaitHeader>();
  if (header.needed > header.count || waits_.size() >= kMostWaits) {
    return InvalidArgument("a wait that can't be");
  }
  std::vector<Known> objects;
  detail::Task* const asking = worker_.TaskIn(header.slot);
  for (uint32_t i = 0; i < header.count && !message.failed(); ++i) {
    auto found = known_.find(message.Take<uint64_t>());
    if (found == known_.end()) return InvalidArgument("it has no such reference");
    if (asking != nullptr && !found->second.object->ready()) {
      detail::Frame frame{.task = *asking, .outer = detail::current_frame};
      detail::Frame* const before = std::exchange(detail::current_frame, &frame);
      Status status = host_.CheckWait(*found->second.object);
      detail::current_frame = before;
      if (!status.ok()) return Reply(request, status);
    }
    objects.push_back(found->second);
  }
  if (message.failed()) return InvalidArgument("a wait that ends too early");
  const bool blocks = asking != nullptr;
  auto wait = std::make_unique<Wait>(*this, request, std::move(objects), header.needed, header.slot, blocks);
  if (header.needed == 0) return Reply(*wait);
  Wait& begun = *wait;
  if (!waits_.emplace(request, std::move(wait)).second) return InvalidArgument("a request that is there already");
  if (begun.Begin()) {
    Status status = Reply(begun);
    waits_.erase(request);
    return status;
  }
  if (blocks && blocking_++ == 0) host_.BeginBlocking();
  return {};
}

void NestedCalls::EndWait(uint64_t request) noexcept {
  auto found = waits_.find(request);
  if (found == waits_.end()) return;
  const bool blocks = found->second->blocks();
  if (found->second->stream() != nullptr) --awaiting_room_;
  waits_.erase(found);
  if (blocks && --blocking_ == 0) host_.EndBlocking();
}

void NestedCalls::EndWaitsOf(uint32_t slot) noexcept {
  std::vector<uint64_t> requests;
  for (const auto& [request, wait] : waits_) {
    if (wait->blocks() && wait->slot() == slot) requests.push_back(request);
  }
  for (const uint64_t request : requests) EndWait(request);
}

Status NestedCalls::Answer() {
  std::vector<uint64_t> enough;
  {
    std::lock_guard lock(mutex_);
    enough.swap(enough_);
  }
  for (uint64_t request : enough) {
    auto found = waits_.find(request);
    if (found == waits_.end()) continue;
    Status status = Reply(*found->second);
    EndWait(request);
    if (!status.ok()) return status;
  }
  return {};
}

Status NestedCalls::Reply(uint64_t request, const Status& status) {
  MessageWriter reply(outgoing_, MessageKind::kReply);
  reply.Put(request);
  WriteStatus(reply, status);
  return worker_.Send(outgoing_);
}

Status NestedCalls::ReplyRoom(uint64_t request, uint32_t room) {
  MessageWriter reply(outgoing_, MessageKind::kReply);
  reply.Put(request);
  WriteStatus(reply, {});
  reply.Put(room);
  return worker_.Send(outgoing_);
}

Status NestedCalls::Reply(Wait& wait) {
  if (wait.stream() != nullptr) return ReplyRoom(wait.request(), wait.stream()->room());
  MessageWriter reply(outgoing_, MessageKind::kReply);
  reply.Put(wait.request());
  WriteStatus(reply, {});
  std::vector<uint32_t> ready;
  std::optional<detail::ObjectUse> use;  // of the one whose value is sent
  if (wait.objects().size() == 1 && !wait.has_begun()) {
    use.emplace(wait.objects()[0].object);
    if (use->ready()) ready.push_back(0);
  } else {
    for (uint32_t i = 0; i < wait.objects().size(); ++i) {
      if (wait.objects()[i].object->ready()) ready.push_back(i);
    }
  }
  reply.Put(static_cast<uint32_t>(ready.size()));
  for (uint32_t number : ready) reply.Put(number);
  if (wait.objects().size() == 1 && ready.size() == 1) {
    const Known& known = wait.objects()[0];
    const size_t begin = reply.size();
    const Status own = use.has_value() ? use->status() : wait.StatusOf(0);
    WriteStatus(reply, own);
    Status status = own.ok() ? WriteObject(reply, known) : own;
    if (status.ok() && reply.size() > worker_.longest_message()) {
      status =
          InvalidArgument("the value is too much to be sent: " + std::to_string(reply.size()) +
                          " bytes beside those in shared memory, at most " + std::to_string(worker_.longest_message()));
    }
    if (!status.ok() && own.ok()) {
      TakeBack();
      outgoing_.resize(begin);
      WriteStatus(reply, status);
    }
  }
  Sent();
  return worker_.Send(outgoing_);
}

Status NestedCalls::WriteObject(MessageWriter& message, const Known& known) {
  detail::Object& object = *known.object;
  if (const detail::StoredValue* stored = object.stored()) return WriteStored(message, *stored, *this);
  if (object.value_type() == typeid(void)) return {};
  const detail::ValueCodec* codec =
      known.codec != nullptr ? known.codec : detail::RemoteRegistry::CodecOf(object.value_type());
  if (codec == nullptr) {
    return InvalidArgument("a " + detail::TypeName(object.value_type()) +
                           " can't be sent: no registered function has a parameter or result of that type");
  }
  encoder_.Clear();
  TRIUNE_RETURN_IF_ERROR(EncodeAs(encoder_, *codec, {.value = object.value(), .type = &object.value_type()}));
  Status status = WriteValue(message, encoder_, *this);
  encoder_.Clear();
  return status;
}

}  // namespace triune::compute
