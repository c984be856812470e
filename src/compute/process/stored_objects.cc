#include "compute/process/stored_objects.h"

#include <string>
#include <utility>

#include "triune/core/detail/names.h"

namespace triune::compute {
namespace {

/// Decodes a value as soon as it is there.
class Decoding final : public detail::ValueUser {
 public:
  static void Start(detail::ObjectPointer from, detail::Pointer<detail::ReceivedObject> to) {
    detail::Object& source = *from;
    auto* decoding = new Decoding(std::move(from), std::move(to));
    if (!source.AddUser(*decoding)) decoding->OnReady(source);
  }
  void OnReady(detail::Object& source) noexcept override {
    const std::unique_ptr<Decoding> self(this);
    if (!StatusOf(source).ok()) {
      to_->Fail(StatusOf(source));
    } else if (const detail::StoredValue* stored = source.stored()) {
      std::shared_ptr<const detail::ReferenceSource> references;
      if (!stored->references.empty()) references = std::make_shared<ObjectReferences>(stored->references);
      to_->Fill(detail::Decoder(stored->head.bytes(), stored->attached, std::move(references)));
    } else {
      to_->Fail(
          InvalidArgument("the reference is to a value of another type: " + detail::TypeName(source.value_type()) +
                          ", expected " + detail::TypeName(to_->value_type())));
    }
    EndUse(source);
  }

 private:
  Decoding(detail::ObjectPointer from, detail::Pointer<detail::ReceivedObject> to)
      : from_(std::move(from)), to_(std::move(to)) {}
  const detail::ObjectPointer from_;
  const detail::Pointer<detail::ReceivedObject> to_;
};

}  // namespace

StoredTask::StoredTask(detail::TaskRunner& runner, std::shared_ptr<const TaskOptions> options,
                       const detail::RemoteFunction& function, std::vector<Argument> arguments)
    : Task(runner, std::move(options)), function_(function) {
  for (Argument& argument : arguments) {
    std::unique_ptr<detail::Dependency> dependency;
    if (const auto* object = std::get_if<detail::ObjectPointer>(&argument)) {
      dependency = std::make_unique<detail::Dependency>(*this, *object);
    }
    arguments_.push_back({std::move(argument), std::move(dependency)});
  }
}

StoredTask::~StoredTask() {
  for (Kept& argument : arguments_) {
    if (argument.dependency == nullptr) continue;
    argument.value = detail::ObjectPointer();
    argument.dependency->GiveUp();
  }
}

std::vector<detail::ArgumentView> StoredTask::Arguments() const {
  std::vector<detail::ArgumentView> views;
  for (const Kept& argument : arguments_) {
    if (const auto* stored = std::get_if<detail::StoredValue>(&argument.value)) {
      views.push_back({.stored = stored});
    } else {
      detail::Object& object = argument.dependency->object();
      views.push_back({.value = object.value(), .type = &object.value_type(), .object = &object});
    }
  }
  return views;
}

void StoredTask::Store(detail::StoredValue value) {
  value_ = std::move(value);
  has_value_ = true;
}

void StoredTask::AwaitArguments() noexcept {
  for (const Kept& argument : arguments_) {
    if (argument.dependency != nullptr) argument.dependency->Await();
  }
}

const Status* StoredTask::ArgumentError() const noexcept {
  for (const Kept& argument : arguments_) {
    if (argument.dependency == nullptr) continue;
    const Status& status = argument.dependency->status();
    if (!status.ok()) return &status;
  }
  return nullptr;
}

void StoredTask::DropArguments() noexcept { arguments_.clear(); }

void StoredTask::ReleaseArguments() noexcept {
  for (const Kept& argument : arguments_) {
    if (argument.dependency != nullptr) argument.dependency->Release();
  }
}

void StoredTask::DropValue() noexcept {
  has_value_ = false;
  value_ = {};
}

detail::StoredValue Keep(const detail::Decoder& decoder, Buffer head_block,
                         std::vector<detail::ObjectPointer> references) {
  if (head_block.empty()) head_block = Buffer::CopyOf(decoder.head());
  return {.head = std::move(head_block), .attached = decoder.attached(), .references = std::move(references)};
}

detail::ObjectPointer ObjectReferences::Take(uint32_t number, const detail::ObjectMaker& maker) const {
  const detail::ObjectPointer& object = objects_.at(number);
  if (object->value_type() == *maker.type) return object;
  auto decoded = detail::Pointer<detail::ReceivedObject>::Adopt(maker.make());
  decoded->SetCodec(maker.codec);
  Decoding::Start(object, decoded);
  return decoded;
}

}  // namespace triune::compute
