#include "compute/process/stored_objects.h"

#include <deque>
#include <string>
#include <utility>

#include "compute/remote/convert.h"
#include "triune/core/detail/names.h"

namespace triune::compute {
namespace {

std::shared_ptr<const detail::ReferenceSource> ReferencesOf(const std::vector<detail::ObjectPointer>& objects) {
  return objects.empty() ? nullptr : std::make_shared<ObjectReferences>(objects);
}

std::vector<detail::ObjectPointer> ObjectsOf(const detail::Encoder& encoder) {
  std::vector<detail::ObjectPointer> objects;
  for (const auto& reference : encoder.references()) objects.push_back(reference.object);
  return objects;
}

/// What was encoded, as long as it stays.
detail::Decoder Read(const detail::Encoder& encoder) {
  return detail::Decoder(encoder.head(), encoder.attached(), ReferencesOf(ObjectsOf(encoder)));
}

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
      to_->Fill(detail::Decoder(stored->head.bytes(), stored->attached, ReferencesOf(stored->references)));
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

template <typename Base>
void Stored<Base>::Take(std::vector<StoredArgument> arguments) {
  for (StoredArgument& argument : arguments) {
    std::unique_ptr<detail::Dependency> dependency;
    if (const auto* object = std::get_if<detail::ObjectPointer>(&argument)) {
      dependency = std::make_unique<detail::Dependency>(*this, *object);
    }
    arguments_.push_back({std::move(argument), std::move(dependency)});
  }
}

template <typename Base>
Stored<Base>::~Stored() {
  for (Kept& argument : arguments_) {
    if (argument.dependency == nullptr) continue;
    argument.value = detail::ObjectPointer();
    argument.dependency->GiveUp();
  }
}

template <typename Base>
std::vector<detail::ArgumentView> Stored<Base>::Arguments() const {
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

template <typename Base>
void Stored<Base>::Store(detail::StoredValue value) {
  value_ = std::move(value);
  this->has_value_ = true;
}

template <typename Base>
void Stored<Base>::AwaitArguments() noexcept {
  for (const Kept& argument : arguments_) {
    if (argument.dependency != nullptr) argument.dependency->Await();
  }
}

template <typename Base>
const Status* Stored<Base>::ArgumentError() const noexcept {
  for (const Kept& argument : arguments_) {
    if (argument.dependency == nullptr) continue;
    const Status& status = argument.dependency->status();
    if (!status.ok()) return &status;
  }
  return nullptr;
}

template <typename Base>
Status Stored<Base>::Invoke(bool) {
  detail::ActorCore* const actor = this->actor();
  if (actor == nullptr || actor->instance_address() == nullptr) return Internal("runs in processes only");
  const std::vector<detail::ArgumentView> views = Arguments();
  std::vector<detail::Decoder> arguments;
  std::deque<detail::Encoder> encoded;  // the decoders look at it
  for (size_t i = 0; i < views.size(); ++i) {
    const detail::StoredValue* stored = views[i].stored;
    if (stored == nullptr && views[i].object != nullptr) stored = views[i].object->stored();
    if (stored != nullptr) {
      arguments.emplace_back(stored->head.bytes(), stored->attached, ReferencesOf(stored->references));
      continue;
    }
    detail::Encoder& encoder = encoded.emplace_back();
    TRIUNE_RETURN_IF_ERROR(EncodeAs(encoder, *function_.parameters[i], views[i]));
    arguments.push_back(Read(encoder));
  }
  detail::RemoteInstance instance{.object = actor->instance_address()};
  detail::Encoder result;
  TRIUNE_RETURN_IF_ERROR(function_.call(instance, arguments, result));
  if (function_.result != nullptr) Store(Keep(Read(result), {}, ObjectsOf(result)));
  return {};
}

template <typename Base>
void Stored<Base>::DropArguments() noexcept {
  arguments_.clear();
}

template <typename Base>
void Stored<Base>::ReleaseArguments() noexcept {
  for (const Kept& argument : arguments_) {
    if (argument.dependency != nullptr) argument.dependency->Release();
  }
}

template <typename Base>
void Stored<Base>::DropValue() noexcept {
  this->has_value_ = false;
  value_ = {};
}

template class Stored<detail::Task>;
template class Stored<detail::ActorTask>;
template class Stored<detail::CreationTask>;

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
